"""What a network costs, before it is trained: parameters, operations, memory.

Counted on torch's "meta" device, where tensors have shapes and no values; what a detector
computes depends on values, so it is given an image of noise and a lattice of objects
(`detector_cost`). `septum.networks.docs.factsheet` writes it into docs/networks.md.
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
    """One way to make a network, and the image it is given.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    size : tuple of int
        Of the image; a network that does not accept it gets the next legal size.
    options : mapping
        Of the network, where they are not the defaults.
    """

    spatial_dims: int
    in_channels: int
    out_channels: int
    size: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


# The defaults of every network are its paper's; here are channels and image size.
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

# The same networks made narrow, to some two million parameters or 0.7 GFLOP (`narrow_setting`):
# nothing but widths may change, for receptive fields are measured on these.
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
    """What a network costs at one setting.

    Parameters
    ----------
    parameters : int
        Trained numbers.
    flops : int
        Operations of one forward pass of one image (of a detector: in training): two for each
        multiplication and addition of convolutions and matrix products; nothing else is counted.
    activations : int
        Bytes that one training image keeps from the forward for the backward pass, in
        float32. An estimate from below of the peak: weights, gradients, the optimizer's state
        and working space of the convolutions come on top.
    """

    parameters: int
    flops: int
    activations: int


def paper_setting(name: str) -> Setting:
    """Return the setting of a network's paper.

    Raises
    ------
    SeptumError
        None is written down.
    """
    return _written(PAPER, name, "PAPER")


def narrow_setting(name: str) -> Setting:
    """Return a setting for small images and few of them: narrow, 128², 1 channel, 3 classes."""
    return Setting(2, 1, 3, (128, 128), _written(NARROW, name, "NARROW"))


def without_values(name: str, setting: Setting) -> Network:
    """Return a network on the meta device: made at once, however large."""
    # imports the network's module too, which must not happen under "meta"
    options = check_options(name, setting.options)
    channels = setting.in_channels, setting.out_channels
    with torch.device("meta"):
        return create_network(name, setting.spatial_dims, *channels, **options)


def count_parameters(network: nn.Module) -> int:
    """Return the number of trained numbers."""
    return sum(p.numel() for p in network.parameters())


def cost_at(name: str, setting: Setting) -> Cost:
    """Return what one image costs a network of the table, however it is counted."""
    network = without_values(name, setting)
    if not network.detects:
        return cost(network, setting.in_channels, setting.size)
    channels = setting.in_channels, setting.out_channels
    network = create_network(name, setting.spatial_dims, *channels, **setting.options)
    return detector_cost(network, setting.in_channels, setting.size)


def cost(network: Network, in_channels: int, size: Sequence[int]) -> Cost:
    """Return what one image costs.

    Parameters
    ----------
    network : Network
        On the meta device.
    in_channels : int
    size : sequence of int
        The image has the next legal one.
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
    """Return what a training step's forward pass of one image costs a detector.

    Features and proposals are of the whole image, the heads of those proposals that the step
    looks at: a fixed number, for the objects are more than it may take.

    Parameters
    ----------
    network : Network
        One that detects, with values.
    in_channels : int
    size : sequence of int
        The image has the next legal one.
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
    """Return ids of ``count`` objects along each axis, each as wide as the gap to the next."""
    along = [torch.arange(n) * 2 * count // n for n in size]
    places = torch.meshgrid(*along, indexing="ij")
    inside = torch.stack([place % 2 == 0 for place in places]).all(dim=0)
    ids = sum(place // 2 * count**axis for axis, place in enumerate(places)) + 1
    return torch.where(inside, ids, 0)


def _kept_for_backward(network: Network, images: Tensor, run: Callable[[], object]) -> int:
    own = {t.untyped_storage()._cdata for t in (*network.parameters(), *network.buffers(), images)}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        run()
    return sum(t.untyped_storage().nbytes() for key, t in kept.items() if key not in own)


def _written(table: Mapping[str, Any], name: str, title: str) -> Any:
    if name not in table:
        what = f"says nothing of the network {name!r}"
        raise problem(f"septum.networks.docs.facts.{title}", what, "add a line for it")
    return table[name]
