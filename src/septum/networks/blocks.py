"""The base class of networks, and layers by number of dimensions and by name.

Layers are looked up in tables by ``spatial_dims``. MONAI's factories offer the same classes of
PyTorch, but importing MONAI takes longer than segmenting a small image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from septum.errors import problem

NormName = Literal["none", "batch", "instance", "group"]

CONV = {2: nn.Conv2d, 3: nn.Conv3d}
UP_CONV = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
MAX_POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
MEAN_TO_SIZE = {2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}
BATCH_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
INSTANCE_NORM = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}

_NORMS: dict[str, Callable[[int, int], nn.Module]] = {
    "none": lambda dims, channels: nn.Identity(),
    "batch": lambda dims, channels: BATCH_NORM[dims](channels),
    "instance": lambda dims, channels: INSTANCE_NORM[dims](channels, affine=True),
    "group": lambda dims, channels: nn.GroupNorm(math.gcd(8, channels), channels),
}


class Network(nn.Module):
    """The base class of networks.

    Attributes
    ----------
    margin : int
        Pixels by which the logits are smaller than the image, on each side of each axis.
    stride : int
        Pixels of the image per pixel of the coarsest features. Logits are equivariant to
        shifts by multiples of it, so that tiles which start at such multiples agree exactly.
    auxiliary : float
        Weight of the auxiliary loss in training; 0 for networks without auxiliary logits.
    detects : bool
        Whether the network detects objects and returns no logits (`septum.networks.detector`).
    """

    margin: int = 0
    stride: int = 1
    detects: bool = False
    auxiliary: float = 0.0
    _min_features: int = 1  # smallest extent of the coarsest features along an axis

    @classmethod
    def options_for(
        cls, diameters: Mapping[str, float], spacing: Sequence[float]
    ) -> dict[str, object]:
        """Return the options that are derived from the data; most networks have none.

        Parameters
        ----------
        diameters : mapping
            Percentiles ("5", "50", …) of the objects' diameters, in pixels of the finest axis.
        spacing : sequence of float
            Size of a pixel along each axis.
        """
        return {}

    def legal_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """Return the smallest size that the network accepts and that holds ``size``.

        Parameters
        ----------
        size : sequence of int
            Pixels along each spatial axis.
        """
        return tuple(max(-(-s // self.stride), self._min_features) * self.stride for s in size)

    def training_logits(self, images: Tensor) -> list[tuple[float, Tensor]]:
        """Return pairs of the weight of a loss and the logits ``(N, out_channels, *size)``.

        By default these are the logits of ``forward`` with weight 1. In training mode there may
        be more: auxiliary logits, or logits of several resolutions whose weights sum to 1.
        """
        return [(1.0, self(images))]

    def require_legal(self, images: Tensor) -> None:
        """Raise a SeptumError if the network does not accept images of this size."""
        size = tuple(images.shape[2:])
        legal = self.legal_size(size)
        if size != legal:
            raise problem(
                "image size",
                f"{type(self).__name__} does not accept {_by(size)}",
                f"pad to {_by(legal)}, the next size it accepts",
            )


class ConvBlock(nn.Module):
    """Two 3×3 convolutions, each with a normalisation and a ReLU.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    padded : bool
        Whether convolutions are padded; if not, the output is 4 smaller along each axis.
    norm : str
        "none", "batch", "instance" or "group" (gcd(8, channels) groups).
    residual : bool
        Add the input before the last ReLU. It is cropped, and projected by a 1×1 convolution if
        the numbers of channels differ.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        padded: bool = False,
        norm: NormName = "none",
        residual: bool = False,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels in (in_channels, out_channels):
            # a bias before a normalisation has no effect
            layers += [
                conv(spatial_dims, channels, out_channels, padded=padded, bias=norm == "none"),
                norm_layer(norm, spatial_dims, out_channels),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.Sequential(*layers[:-1])
        self.last = layers[-1]
        self.shortcut: nn.Module | None = None
        if residual:
            same_channels = in_channels == out_channels
            self.shortcut = (
                nn.Identity()
                if same_channels
                else conv(spatial_dims, in_channels, out_channels, kernel=1)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, in_channels, *size)`` to ``(N, out_channels, *size or size - 4)``."""
        y = self.layers(x)
        if self.shortcut is not None:
            y = y + self.shortcut(centre_crop(x, y.shape[2:]))
        return self.last(y)


def conv(
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    *,
    kernel: int = 3,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    padded: bool = True,
    bias: bool = True,
) -> nn.Module:
    """Return a convolution; ``padded`` puts output pixel i on input pixel ``i * stride``."""
    return CONV[spatial_dims](
        in_channels,
        out_channels,
        kernel,
        stride=stride,
        padding=dilation * (kernel // 2) if padded else 0,
        dilation=dilation,
        groups=groups,
        bias=bias,
    )


def up_conv(
    spatial_dims: int, in_channels: int, out_channels: int, *, kernel: int = 2, bias: bool = True
) -> nn.Module:
    """Return a transposed convolution that doubles the size exactly (kernel 2 or 3)."""
    excess = kernel - 2
    return UP_CONV[spatial_dims](
        in_channels,
        out_channels,
        kernel,
        stride=2,
        padding=excess,
        output_padding=excess,
        bias=bias,
    )


def max_pool(spatial_dims: int) -> nn.Module:
    """Return max-pooling that halves the size."""
    return MAX_POOL[spatial_dims](2)


def norm_layer(name: NormName, spatial_dims: int, channels: int) -> nn.Module:
    """Return a normalisation layer with trained scale and shift, or the identity for "none"."""
    return _NORMS[name](spatial_dims, channels)


def centre_crop(x: Tensor, size: Sequence[int]) -> Tensor:
    """Return the centre of the trailing axes of ``x``, of the given size (a view).

    Axes before those of ``size`` (batch, channels) are kept whole.
    """
    for axis, length in enumerate(size, start=x.ndim - len(size)):
        x = x.narrow(axis, (x.shape[axis] - length) // 2, length)
    return x


@torch.no_grad()
def initialise(network: nn.Module, *, uniform: bool = False) -> None:
    """Draw all convolution weights with standard deviation sqrt(2/N), and set biases to 0.

    N is the number of incoming nodes of a neuron (He et al. 2015,
    https://arxiv.org/abs/1502.01852, equation 10), which is channels × kernel size. For a
    transposed convolution it is channels × kernel size / stride.

    Parameters
    ----------
    network : nn.Module
        Changed in place.
    uniform : bool
        Whether to draw from a uniform instead of a Gaussian distribution.
    """
    for layer in network.modules():
        kernel = getattr(layer, "kernel_size", None)
        weight = getattr(layer, "weight", None)
        # tensors on the "meta" device have no values, and filling them imports torch's compiler
        if kernel is None or weight is None or weight.is_meta:
            continue
        overlap = math.prod(layer.stride) if getattr(layer, "transposed", False) else 1
        incoming = layer.in_channels // layer.groups * math.prod(kernel) / overlap
        deviation = math.sqrt(2 / incoming)
        if uniform:
            weight.uniform_(-deviation * math.sqrt(3), deviation * math.sqrt(3))
        else:
            weight.normal_(0, deviation)
        if layer.bias is not None:
            layer.bias.zero_()


def halving_weights(logits: Sequence[Tensor]) -> list[tuple[float, Tensor]]:
    """Weight logits of decreasing resolution by weights that halve each time and sum to 1."""
    total = sum(0.5**level for level in range(len(logits)))
    return [(0.5**level / total, each) for level, each in enumerate(logits)]


def _by(size: Sequence[int]) -> str:
    return " × ".join(str(s) for s in size)
