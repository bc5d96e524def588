"""Weights from elsewhere: published checkpoints of the backbones, and another network's weights.

A checkpoint of torchvision's layout (VGG-16, ResNets) is fitted to a backbone by these rules:

- The first convolution, where the image has other than its (three) channels, gets the sum of
  its kernels over them, divided by the number of ours, in every channel: images whose channels
  are all alike give the same features as before. Gray takes the plain sum.
- Two-dimensional kernels become three-dimensional ones by repetition along the first axis,
  divided by their number (Carreira, Zisserman, CVPR 2017, https://arxiv.org/abs/1705.07750):
  volumes that do not change along it give the same features, away from the border.
- VGG's first two fully connected layers become FCN's ``fc6`` and ``fc7``, whose kernels hold the
  same numbers (Long et al., https://arxiv.org/abs/1411.4038). The classifier of ImageNet's
  1000 classes is left out.

All else must fit by name and shape, or nothing is changed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from septum.errors import problem
from septum.networks.state_dict import local_file, read_state_dict

_FULLY_CONNECTED = {"classifier.0": "fc6", "classifier.3": "fc7"}
_CLASSIFIERS = ("classifier", "fc")
_COUNTER = "num_batches_tracked"  # no weight; checkpoints of old have none
_MAX_NAMES_SHOWN = 4


@dataclass(frozen=True)
class Report:
    """What became of the tensors of a source and of a network, by name.

    Attributes
    ----------
    taken : tuple of str
        Of the network: those that have the source's values now.
    new : tuple of str
        Of the network: those that keep the values they had.
    unused : tuple of str
        Of the source: those that went nowhere.
    adapted : dict of str to str
        Of those taken: how their shape was changed.
    sha256 : str
        Of the source's file; empty where it was no file.
    """

    taken: tuple[str, ...]
    new: tuple[str, ...]
    unused: tuple[str, ...]
    adapted: dict[str, str] = field(default_factory=dict)
    sha256: str = ""

    def __str__(self) -> str:
        lines = [f"{len(self.taken)} tensors taken; new: {_listed(self.new)}"]
        lines += [f"{name}: {how}" for name, how in self.adapted.items()]
        return "\n".join([*lines, f"not used: {_listed(self.unused)}"])


def load_pretrained(network: nn.Module, source: str | Path, *, sha256: str | None = None) -> Report:
    """Fill a network's backbone with published weights.

    Parameters
    ----------
    network : nn.Module
        With an attribute ``backbone`` (and ``fc6`` and ``fc7``, as FCN has them), or a backbone
        itself. Changed in place, on whatever device it is.
    source : str or Path
        File or http(s) address of a state dict with torchvision's names.
    sha256 : str, optional
        Checksum of the file (`septum.networks.state_dict.local_file` says when it is needed).

    Returns
    -------
    Report

    Raises
    ------
    SeptumError
        The file cannot be read; or its tensors are not the backbone's by name or shape (with
        the number of them, and the first names). The network is then as it was.
    """
    path, digest = local_file(source, sha256)
    state = read_state_dict(path, source)
    ours = network.state_dict()
    prefix = "backbone." if hasattr(network, "backbone") else ""
    given: dict[str, Tensor] = {}
    unused = []
    for name, tensor in state.items():
        own = _own_name(name, prefix, ours)
        if own is None:
            unused.append(name)
        else:
            given[own] = tensor
    first = next((name for name in ours if name.startswith(prefix)), "")
    adapted = {}
    for name in given.keys() & ours.keys():
        given[name], how = _adapt(given[name], ours[name], is_first=name == first)
        if how:
            adapted[name] = how
    wanted = {name for name in ours if name.startswith(prefix) and not name.endswith(_COUNTER)}
    _require_fit(source, ours, given, wanted)
    _copy(ours, given)
    taken = tuple(name for name in ours if name in given)
    new = tuple(name for name in ours if name not in given and not name.endswith(_COUNTER))
    adapted = {name: adapted[name] for name in taken if name in adapted}
    return Report(taken, new, tuple(unused), adapted, digest)


def transfer(network: nn.Module, state: Mapping[str, Tensor]) -> Report:
    """Give a network everything that fits it from another one's weights.

    For staged training (FCN-32s, FCN-16s, FCN-8s), and for other classes or channels: what
    differs starts new, and the report says what that is.

    Parameters
    ----------
    network : nn.Module
        Changed in place, on whatever device it is.
    state : mapping of str to Tensor
        The other network's ``state_dict()``.

    Returns
    -------
    Report

    Raises
    ------
    SeptumError
        Less than half of the network fits by name and shape, be it tensors or numbers that are
        counted (with how many do not, and the first of them). The network is then as it was.
    """
    ours, theirs = _weights(network.state_dict()), _weights(state)
    given = {
        name: tensor
        for name, tensor in theirs.items()
        if name in ours and ours[name].shape == tensor.shape
    }
    # Of another width, biases as long as the logits' channels fit still. Either count will do:
    # in a narrow FCN of many classes, the enlarged scores alone have most of the numbers
    if 2 * len(given) < len(ours) and 2 * _numbers(given) < _numbers(ours):
        misfits = [
            f"{name} is {_by(theirs[name])} instead of {_by(tensor)}"
            if name in theirs
            else f"{name} is missing"
            for name, tensor in ours.items()
            if name not in given
        ]
        what = (
            f"{len(misfits)} of {len(ours)} tensors do not fit {type(network).__name__} by name "
            f"and shape ({_listed(misfits)})"
        )
        raise problem("weights", what, "give the weights of a network of the same kind and width")
    _copy(ours, given)
    return Report(
        taken=tuple(name for name in ours if name in given),
        new=tuple(name for name in ours if name not in given),
        unused=tuple(name for name in theirs if name not in given),
    )


def _own_name(name: str, prefix: str, ours: Mapping[str, Tensor]) -> str | None:
    """Return what a tensor of a checkpoint is called in our network; None: it is not wanted."""
    layer, _, kind = name.rpartition(".")
    own = f"{_FULLY_CONNECTED.get(layer)}.{kind}"
    if own in ours:
        return own
    return None if name.split(".")[0] in _CLASSIFIERS else prefix + name


def _adapt(tensor: Tensor, target: Tensor, *, is_first: bool) -> tuple[Tensor, str]:
    """Return a tensor in the shape of ``target``, as far as the rules go, and what was done."""
    done = []
    plane = target.shape[-2:]
    if tensor.ndim == 2 and target.ndim > 2 and tensor.shape[1] % math.prod(plane) == 0:
        tensor = tensor.unflatten(1, (-1, *plane))
        done.append("made a convolution")
    if tensor.ndim == 4 and target.ndim == 5:
        depth = target.shape[2]
        tensor = tensor.unsqueeze(2).expand(-1, -1, depth, -1, -1) / depth
        done.append(f"repeated {depth} times along the first axis, divided by {depth}")
    if is_first and tensor.ndim == target.ndim and tensor.shape[1] != target.shape[1]:
        theirs, channels = tensor.shape[1], target.shape[1]
        tensor = tensor.sum(1, keepdim=True) / channels
        tensor = tensor.expand(-1, channels, *tensor.shape[2:])
        done.append(f"summed over {theirs} channels, divided among {channels}")
    return tensor, "; ".join(done)


def _require_fit(
    source: str | Path,
    ours: Mapping[str, Tensor],
    given: Mapping[str, Tensor],
    wanted: set[str],
) -> None:
    """Raise if a wanted tensor is not given, or a given one is not ours or does not fit."""
    differing = []
    for name in sorted(given.keys() & ours.keys()):
        tensor, target = given[name], ours[name]
        if tensor.shape != target.shape:
            differing.append(f"{name} is {_by(tensor)} instead of {_by(target)}")
        elif tensor.is_floating_point() != target.is_floating_point():
            differing.append(f"{name} is {tensor.dtype} instead of {target.dtype}")
    kinds = {
        "of another shape or type": differing,
        "missing": sorted(wanted - given.keys()),
        "without a place": sorted(given.keys() - ours.keys()),
    }
    misfits = [f"{len(words)} {kind} ({_listed(words)})" for kind, words in kinds.items() if words]
    if misfits:
        count = sum(map(len, kinds.values()))
        raise problem(
            source,
            f"{count} of {len(wanted | given.keys())} tensors do not fit: {'; '.join(misfits)}",
            "give a checkpoint of the same backbone in torchvision's layout; published ones are of "
            "width 1 (ResNets with deep_stem: false)",
        )


def _weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if not name.endswith(_COUNTER)}


def _numbers(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors.values())


def _copy(ours: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> None:
    # the state dict's tensors are the network's own memory
    with torch.no_grad():
        for name, tensor in given.items():
            ours[name].copy_(tensor)


def _listed(words: Iterable[str]) -> str:
    words = list(words)
    rest = len(words) - _MAX_NAMES_SHOWN
    return (
        ", ".join(words[:_MAX_NAMES_SHOWN]) + (f", and {rest} more" if rest > 0 else "") or "none"
    )


def _by(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a scalar"
