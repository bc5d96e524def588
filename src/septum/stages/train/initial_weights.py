"""Initial weights of a training that does not start from random ones.

They are either published weights of the backbone (``pretrained``) or the weights of another
experiment on the same data (``start_from``), as FCN-16s starts from FCN-32s.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from septum.config.schema import Run
from septum.errors import SeptumError, problem
from septum.networks.pretrained import Report, load_pretrained, transfer
from septum.networks.segmenter import Segmenter
from septum.networks.start_weights import StartWeights
from septum.networks.state_dict import read_state_dict

log = logging.getLogger(__name__)


def load_start(segmenter: Segmenter, run: Run, file: Path | None) -> StartWeights | None:
    """Load the weights that an experiment starts from into a segmenter.

    Parameters
    ----------
    segmenter : Segmenter
        Changed in place; has random weights before.
    run : Run
        Names the weights by ``pretrained`` or ``start_from``.
    file : Path or None
        The checkpoint, or the other experiment's weights file. If None, the checkpoint is
        downloaded, once, from the address that ``run.pretrained`` gives.

    Returns
    -------
    StartWeights or None
        What was taken, for the header of the weights file, with the digest of a checkpoint's file,
        or of another experiment's weights alone. None if the experiment starts from random weights.

    Raises
    ------
    SeptumError
        If the file is missing or damaged or its checksum differs, if the network has no
        backbone, or if too few tensors fit.
    """
    if run.pretrained is not None:
        source = run.pretrained.source
        report = load_backbone(segmenter.network, run, file)
    elif run.start_from is not None:
        source = run.start_from
        report = _load_model(segmenter.network, run, file)
    elif file is not None:
        what = "is given, but the settings have neither pretrained nor start_from"
        raise problem("--start", what, "leave it out, or give one of them in --settings")
    else:
        return None
    log.info("starting from %s (sha256 %s): %s", source, report.sha256, report)
    return StartWeights(
        source=source,
        sha256=report.sha256,
        taken=len(report.taken),
        new=list(report.new),
        unused=list(report.unused),
        adapted=report.adapted,
    )


def load_backbone(network: nn.Module, run: Run, file: Path | None) -> Report:
    """Load published weights into a network's backbone (see `load_start`)."""
    require_backbone(network, run)
    pretrained = run.pretrained
    if file is None and not pretrained.is_address:
        raise _missing(f"the checkpoint {pretrained.source}")
    source = pretrained.source if file is None else file
    return load_pretrained(network, source, sha256=pretrained.sha256)


def require_backbone(network: nn.Module, run: Run) -> None:
    """Raise if ``pretrained`` is given for a network that has no backbone."""
    if not hasattr(network, "backbone"):
        key = f"experiments.{run.experiment}.pretrained"
        what = f"is given, but the network {run.network!r} has no backbone to start from it"
        raise problem(key, what, "leave it out, or take an fcn…, segnet, pspnet or deeplab…")


def take_weights(network: nn.Module, run: Run, state: Mapping[str, Tensor]) -> Report:
    """Load those weights of ``run.start_from`` that fit; raise if less than half of them do."""
    try:
        return transfer(network, state)
    except SeptumError as error:
        what = f"{run.start_from!r} cannot be started from: {error.problems[0].what}"
        remedy = "name an experiment with a network of the same kind and width"
        raise problem(f"experiments.{run.experiment}.start_from", what, remedy) from None


def _load_model(network: nn.Module, run: Run, file: Path | None) -> Report:
    if file is None:
        raise _missing(f"the weights file of {run.start_from}")
    # a weights file holds a segmenter's weights, among which the network's have this prefix
    state = {name.removeprefix("network."): t for name, t in read_state_dict(file).items()}
    # the digest covers the weights alone: the header may say other things about the same weights
    return replace(take_weights(network, run, state), sha256=_weights_digest(state))


def _weights_digest(state: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _missing(what: str) -> SeptumError:
    return problem("--start", "is missing", f"give {what}, which the settings name")
