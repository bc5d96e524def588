"""Initial weights from published checkpoints of backbones, or from another network.

A checkpoint in torchvision's layout (VGG-16, ResNets) is fitted to a backbone by these rules:

- If the image has another number of channels than the first convolution (three), the kernels of
  the convolution are summed over its channels, divided by the number of channels of the image,
  and used for each of them. Images with equal channels then give the same features as before. A
  grey image is convolved with the plain sum.
- Two-dimensional kernels become three-dimensional ones by repetition along the first axis,
  divided by the number of repetitions (Carreira, Zisserman, CVPR 2017,
  https://arxiv.org/abs/1705.07750). Volumes that are constant along this axis give the same
  features, except near the border.
- VGG's first two fully connected layers become FCN's ``fc6`` and ``fc7``, convolutions with the
  same parameters (Long et al., https://arxiv.org/abs/1411.4038). The classifier of ImageNet's
  1000 classes is left out.

All other tensors must match by name and shape, otherwise nothing is changed.
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

_CONVOLUTION_OF_LAYER = {"classifier.0": "fc6", "classifier.3": "fc7"}
_CLASSIFIERS = ("classifier", "fc")
_BATCH_COUNTER = "num_batches_tracked"  # no weight; old checkpoints do not have it
_MAX_NAMES_SHOWN = 4


@dataclass(frozen=True)
class Report:
    """The result of copying tensors from a source to a network.

    Attributes
    ----------
    taken : tuple of str
        Names of the network's tensors that got the values of the source.
    new : tuple of str
        Names of the network's tensors that kept their values.
    unused : tuple of str
        Names of the source's tensors that were not copied.
    adapted : dict of str to str
        Change of the shape of copied tensors, in words, by their names.
    sha256 : str
        Checksum of the source's file; empty if the source is no file.
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
    """Load published weights into a network's backbone.

    Parameters
    ----------
    network : nn.Module
        A backbone, or a network with an attribute ``backbone`` (and ``fc6`` and ``fc7``, as FCN
        has them). Changed in place, on any device.
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
        If the file cannot be read, or its tensors do not match the backbone's by name and shape
        (with the number of mismatches and the first names). The network is then unchanged.
    """
    path, digest = local_file(source, sha256)
    state = read_state_dict(path, source)
    target = network.state_dict()
    prefix = "backbone." if hasattr(network, "backbone") else ""
    fitted: dict[str, Tensor] = {}
    unused = []
    for name, tensor in state.items():
        target_name = _target_name(name, prefix, target)
        if target_name is None:
            unused.append(name)
        else:
            fitted[target_name] = tensor
    first = next((name for name in target if name.startswith(prefix)), "")
    adapted = {}
    for name in fitted.keys() & target.keys():
        fitted[name], how = _adapt(fitted[name], target[name], is_first=name == first)
        if how:
            adapted[name] = how
    needed = {
        name for name in target if name.startswith(prefix) and not name.endswith(_BATCH_COUNTER)
    }
    _require_fit(source, target, fitted, needed)
    _copy(target, fitted)
    taken = tuple(name for name in target if name in fitted)
    new = tuple(name for name in target if name not in fitted and not name.endswith(_BATCH_COUNTER))
    adapted = {name: adapted[name] for name in taken if name in adapted}
    return Report(taken, new, tuple(unused), adapted, digest)


def transfer(network: nn.Module, state: Mapping[str, Tensor]) -> Report:
    """Copy all tensors of another network that match by name and shape.

    This is for staged training (FCN-32s, FCN-16s, FCN-8s), and for other classes or channels.
    Tensors that differ keep their values, and are listed in the report.

    Parameters
    ----------
    network : nn.Module
        Changed in place, on any device.
    state : mapping of str to Tensor
        The other network's ``state_dict()``.

    Returns
    -------
    Report

    Raises
    ------
    SeptumError
        If less than half of the network's tensors, and less than half of its parameters, match
        (with the number of mismatches and the first names). The network is then unchanged.
    """
    target, source = _weights(network.state_dict()), _weights(state)
    fitting = {
        name: tensor
        for name, tensor in source.items()
        if name in target and target[name].shape == tensor.shape
    }
    # Networks of another width still share biases of the logits, hence the limit. Either count
    # suffices: in a narrow FCN with many classes, the upsampling of the scores has most of the
    # parameters.
    if 2 * len(fitting) < len(target) and 2 * _numbers(fitting) < _numbers(target):
        misfits = [
            f"{name} is {_by(source[name])} instead of {_by(tensor)}"
            if name in source
            else f"{name} is missing"
            for name, tensor in target.items()
            if name not in fitting
        ]
        what = (
            f"{len(misfits)} of {len(target)} tensors do not fit {type(network).__name__} by name "
            f"and shape ({_listed(misfits)})"
        )
        raise problem("weights", what, "give the weights of a network of the same kind and width")
    _copy(target, fitting)
    return Report(
        taken=tuple(name for name in target if name in fitting),
        new=tuple(name for name in target if name not in fitting),
        unused=tuple(name for name in source if name not in fitting),
    )


def _target_name(name: str, prefix: str, target: Mapping[str, Tensor]) -> str | None:
    """Return the name of a checkpoint's tensor in the network, or None if it is left out."""
    layer, _, kind = name.rpartition(".")
    fully_connected = f"{_CONVOLUTION_OF_LAYER.get(layer)}.{kind}"
    if fully_connected in target:
        return fully_connected
    return None if name.split(".")[0] in _CLASSIFIERS else prefix + name


def _adapt(tensor: Tensor, target: Tensor, *, is_first: bool) -> tuple[Tensor, str]:
    """Return a tensor in the shape of ``target``, if the rules allow, and the changes in words."""
    changes = []
    plane = target.shape[-2:]
    if tensor.ndim == 2 and target.ndim > 2 and tensor.shape[1] % math.prod(plane) == 0:
        tensor = tensor.unflatten(1, (-1, *plane))
        changes.append("made a convolution")
    if tensor.ndim == 4 and target.ndim == 5:
        depth = target.shape[2]
        tensor = tensor.unsqueeze(2).expand(-1, -1, depth, -1, -1) / depth
        changes.append(f"repeated {depth} times along the first axis, divided by {depth}")
    if is_first and tensor.ndim == target.ndim and tensor.shape[1] != target.shape[1]:
        source_channels, channels = tensor.shape[1], target.shape[1]
        tensor = tensor.sum(1, keepdim=True) / channels
        tensor = tensor.expand(-1, channels, *tensor.shape[2:])
        changes.append(f"summed over {source_channels} channels, divided among {channels}")
    return tensor, "; ".join(changes)


def _require_fit(
    source: str | Path,
    target_state: Mapping[str, Tensor],
    fitted: Mapping[str, Tensor],
    needed: set[str],
) -> None:
    """Raise if needed tensors are missing, or if others have no place or another shape."""
    differing = []
    for name in sorted(fitted.keys() & target_state.keys()):
        tensor, target = fitted[name], target_state[name]
        if tensor.shape != target.shape:
            differing.append(f"{name} is {_by(tensor)} instead of {_by(target)}")
        elif tensor.is_floating_point() != target.is_floating_point():
            differing.append(f"{name} is {tensor.dtype} instead of {target.dtype}")
    kinds = {
        "of another shape or type": differing,
        "missing": sorted(needed - fitted.keys()),
        "without a place": sorted(fitted.keys() - target_state.keys()),
    }
    misfits = [f"{len(words)} {kind} ({_listed(words)})" for kind, words in kinds.items() if words]
    if misfits:
        count = sum(map(len, kinds.values()))
        raise problem(
            source,
            f"{count} of {len(needed | fitted.keys())} tensors do not fit: {'; '.join(misfits)}",
            "give a checkpoint of the same backbone in torchvision's layout; published ones are of "
            "width 1 (ResNets with deep_stem: false)",
        )


def _weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if not name.endswith(_BATCH_COUNTER)}


def _numbers(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors.values())


def _copy(target: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    # the state dict's tensors are the network's own memory
    with torch.no_grad():
        for name, tensor in tensors.items():
            target[name].copy_(tensor)


def _listed(words: Iterable[str]) -> str:
    words = list(words)
    hidden = len(words) - _MAX_NAMES_SHOWN
    return (
        ", ".join(words[:_MAX_NAMES_SHOWN]) + (f", and {hidden} more" if hidden > 0 else "")
        or "none"
    )


def _by(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a scalar"
