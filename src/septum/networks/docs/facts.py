"""Costs of networks: numbers of parameters and operations, and memory.

They are counted on torch's "meta" device, where tensors have shapes but no values. Since the
operations of detectors depend on values, detectors are given an image of noise and a lattice of
objects (`detector_cost`). `septum.networks.docs.factsheet` writes the costs into
docs/networks.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from septum.errors import problem
from septum.networks.blocks import Network
from septum.networks.create import check_options, create_network


@dataclass(frozen=True)
class Setting:
    """The arguments of a network, and the size of its input.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    size : tuple of int
        Size of the image, which is replaced by the next legal size if necessary.
    options : mapping
        Options of the network that differ from the defaults.
    """

    spatial_dims: int
    in_channels: int
    out_channels: int
    size: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


# channels and image sizes of the papers, whose options are the defaults of the networks
PAPER: dict[str, Setting] = {
    "deeplabv2": Setting(2, 3, 21, (321, 321)),
    "deeplabv3": Setting(2, 3, 21, (513, 513)),
    "deeplabv3plus": Setting(2, 3, 21, (513, 513)),
    "dense_unet": Setting(2, 3, 11, (224, 224)),
    "faster_rcnn": Setting(2, 3, 91, (800, 1333)),
    "fcn16s": Setting(2, 3, 21, (500, 500)),
    "fcn32s": Setting(2, 3, 21, (500, 500)),
    "fcn8s": Setting(2, 3, 21, (500, 500)),
    "mask_rcnn": Setting(2, 3, 91, (800, 1333)),
    "monai:DynUNet": Setting(3, 4, 4, (128, 128, 128)),
    "monai:MedNeXt": Setting(3, 1, 14, (128, 128, 128)),
    "monai:SegResNet": Setting(3, 4, 3, (160, 192, 128)),
    "monai:SwinUNETR": Setting(3, 4, 3, (128, 128, 128)),
    "panoptic_fpn": Setting(2, 3, 81, (800, 1333)),
    "pspnet": Setting(2, 3, 21, (473, 473)),
    "segnet": Setting(2, 3, 11, (360, 480)),
    "unet": Setting(2, 1, 2, (572, 572)),
    "unetpp": Setting(2, 1, 1, (96, 96)),
}

# options of narrow networks with about two million parameters or 0.7 GFLOP (`narrow_setting`);
# only widths may differ from the defaults, since receptive fields are measured on these networks
NARROW: dict[str, dict[str, Any]] = {
    "deeplabv2": {"width": 0.25},
    "deeplabv3": {"width": 0.25},
    "deeplabv3plus": {"width": 0.25},
    "dense_unet": {"width": 16, "growth": 4},
    "faster_rcnn": {"width": 0.25},
    "fcn16s": {"width": 0.125},
    "fcn32s": {"width": 0.125},
    "fcn8s": {"width": 0.125},
    "mask_rcnn": {"width": 0.25},
    "monai:DynUNet": {"width": 10},
    "monai:MedNeXt": {"width": 16},
    "monai:SegResNet": {"width": 16},
    "monai:SwinUNETR": {"width": 12},
    "panoptic_fpn": {"width": 0.25},
    "pspnet": {"width": 0.25},
    "segnet": {"width": 0.25},
    "unet": {"width": 16},
    "unetpp": {"width": 16},
}


@dataclass(frozen=True)
class Cost:
    """The costs of a network at one setting.

    Parameters
    ----------
    parameters : int
        Number of trained parameters.
    flops : int
        Number of operations of a forward pass of one image, for detectors in training. Each
        multiplication with addition in convolutions and matrix products counts as two, and all
        other operations are not counted.
    activations : int
        Bytes of one training image that are kept for the backward pass, in float32. This is a
        lower bound of the peak, which also includes weights, gradients, the optimizer's state
        and the working space of convolutions.
    """

    parameters: int
    flops: int
    activations: int


def paper_setting(name: str) -> Setting:
    """Return the setting of a network's paper.

    Raises
    ------
    SeptumError
        If the table has no setting for the network.
    """
    return _entry(PAPER, name, "PAPER")


def narrow_setting(name: str) -> Setting:
    """Return the setting of a narrow network for images of 128², 1 channel and 3 classes."""
    return Setting(2, 1, 3, (128, 128), _entry(NARROW, name, "NARROW"))


def without_values(name: str, setting: Setting) -> Network:
    """Return a network on the meta device, which takes no memory."""
    # imports the module of the network, which must not happen under "meta"
    options = check_options(name, setting.options)
    channels = setting.in_channels, setting.out_channels
    with torch.device("meta"):
        return create_network(name, setting.spatial_dims, *channels, **options)


def count_parameters(network: nn.Module) -> int:
    """Return the number of trained parameters."""
    return sum(p.numel() for p in network.parameters())


def cost_at(name: str, setting: Setting) -> Cost:
    """Return the costs of one image for a network of the table, by `cost` or `detector_cost`."""
    network = without_values(name, setting)
    if not network.detects:
        return cost(network, setting.in_channels, setting.size)
    channels = setting.in_channels, setting.out_channels
    network = create_network(name, setting.spatial_dims, *channels, **setting.options)
    return detector_cost(network, setting.in_channels, setting.size)


def cost(network: Network, in_channels: int, size: Sequence[int]) -> Cost:
    """Return the costs of one image.

    Parameters
    ----------
    network : Network
        Network on the meta device.
    in_channels : int
    size : sequence of int
        Size of the image, which is replaced by the next legal size if necessary.
    """
    images = torch.empty(1, in_channels, *network.legal_size(size), device="meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(images)
    return Cost(
        count_parameters(network),
        counter.get_total_flops(),
        _kept_for_backward(network.train(), images, lambda: network.training_logits(images)),
    )


def detector_cost(network: Network, in_channels: int, size: Sequence[int]) -> Cost:
    """Return the costs of a detector for the forward pass of one image in training.

    Features and proposals are computed for the whole image, and the heads for a sample of the
    proposals. The size of the sample is fixed, since there are more objects than it may hold.

    Parameters
    ----------
    network : Network
        Detector whose weights have values.
    in_channels : int
    size : sequence of int
        Size of the image, which is replaced by the next legal size if necessary.
    """
    size = network.legal_size(size)
    torch.manual_seed(0)
    images = torch.rand(1, in_channels, *size)
    instance = _lattice(size)[None, None]
    targets = {"regression": instance, "classes": (instance[:, 0] > 0).long()}
    detector = network.detector().train()
    with FlopCounterMode(display=False) as counter:
        kept = _kept_for_backward(network, images, lambda: detector.losses(images, targets))
    return Cost(count_parameters(network), counter.get_total_flops(), kept)


def _lattice(size: Sequence[int], count: int = 12) -> Tensor:
    """Return a label map of ``count`` objects along each axis, as wide as the gaps between them."""
    along = [torch.arange(n) * 2 * count // n for n in size]
    places = torch.meshgrid(*along, indexing="ij")
    inside = torch.stack([place % 2 == 0 for place in places]).all(dim=0)
    ids = sum(place // 2 * count**axis for axis, place in enumerate(places)) + 1
    return torch.where(inside, ids, 0)


def _kept_for_backward(network: Network, images: Tensor, run: Callable[[], object]) -> int:
    not_counted = (*network.parameters(), *network.buffers(), images)
    not_counted_storages = {tensor.untyped_storage()._cdata for tensor in not_counted}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        run()
    return sum(
        tensor.untyped_storage().nbytes()
        for storage, tensor in kept.items()
        if storage not in not_counted_storages
    )


def _entry(table: Mapping[str, Any], name: str, title: str) -> Any:
    if name not in table:
        what = f"says nothing of the network {name!r}"
        raise problem(f"septum.networks.docs.facts.{title}", what, "add a line for it")
    return table[name]
