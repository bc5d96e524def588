"""The base class and layers of networks on a dilated encoder: PSPNet and the DeepLabs.

Features of the encoder are classified at a fraction of the image size, and the logits are
interpolated linearly. Feature i lies at the pixel ``i * stride`` of the image, since all
convolutions and poolings are centred, and interpolation places it there. At image sizes of
``n * stride + 1``, which the papers use, this is interpolation with aligned corners. At other
sizes the last value is replicated to the fewer than ``stride`` pixels after it, since aligned
corners would stretch the map, and aligned borders would shift it by half a stride.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from septum.networks.blocks import Network, conv, norm_layer
from septum.networks.resnet import ResNet, ResNetNorm

BackboneName = Literal["resnet18", "resnet34", "resnet50", "resnet101"]
Rate = Annotated[int, Field(ge=1)]
# not strict, since configuration files have lists instead of tuples
Rates = Annotated[tuple[Rate, Rate, Rate], Field(strict=False)]
Dropout = Annotated[float, Field(ge=0.0, lt=1.0)]
AuxiliaryWeight = Annotated[float, Field(ge=0.0, le=1.0)]

LINEAR = {3: "linear", 4: "bilinear", 5: "trilinear"}
"""Mode of linear interpolation by the number of axes of a tensor."""


class DilatedNetwork(Network, ABC):
    """A network whose coarse logits are interpolated to the size of the image.

    Parameters
    ----------
    backbone : nn.Module
        Maps images to a list of features.
    stride : int
        Pixels of the image per pixel of the last features, and of the features before them if
        there is an auxiliary head.

    Attributes
    ----------
    auxiliary_head : nn.Module or None
        Maps the features before the last to auxiliary logits.
    logits_stride : int
        Pixels of the image per pixel of the logits that `decode` returns.
    """

    def __init__(self, backbone: nn.Module, *, stride: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.stride = self.logits_stride = stride
        self.auxiliary_head: nn.Module | None = None

    def legal_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """Return ``size``, with axes of at least ``stride + 1`` pixels.

        The coarsest features then have at least two pixels along each axis, since the statistics
        of a normalisation need more than one value.
        """
        return tuple(max(s, self.stride + 1) for s in size)

    @abstractmethod
    def decode(self, features: list[Tensor]) -> Tensor:
        """Map the backbone's features to logits at `logits_stride`."""

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, in_channels, *size)`` to logits ``(N, out_channels, *size)``."""
        self.require_legal(images)
        return enlarge(self.decode(self.backbone(images)), self.logits_stride, images.shape[2:])

    def training_logits(self, images: Tensor) -> list[tuple[float, Tensor]]:
        """Return weighted logits, in training mode with those of the auxiliary head.

        In evaluation mode the validation loss is that of the predicted logits alone.
        """
        if self.auxiliary_head is None or not self.training:
            return super().training_logits(images)
        self.require_legal(images)
        features, size = self.backbone(images), images.shape[2:]
        logits = enlarge(self.decode(features), self.logits_stride, size)
        auxiliary = enlarge(self.auxiliary_head(features[-2]), self.stride, size)
        return [(1.0, logits), (self.auxiliary, auxiliary)]


def residual_encoder(name: BackboneName, *dims: int, **options: Any) -> ResNet:
    """Return the `ResNet` with a name such as "resnet50"."""
    return ResNet(*dims, layers=int(name.removeprefix("resnet")), **options)


def fcn_head(
    spatial_dims: int,
    in_channels: int,
    channels: int,
    out_channels: int,
    *,
    norm: ResNetNorm,
    dropout: float = 0.0,
) -> nn.Sequential:
    """Return a 3×3 convolution to ``channels``, dropout, and a 1×1 convolution to logits."""
    return nn.Sequential(
        conv_norm_relu(spatial_dims, in_channels, channels, norm=norm),
        nn.Dropout(dropout),
        conv(spatial_dims, channels, out_channels, kernel=1),
    )


def conv_norm_relu(
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    *,
    norm: ResNetNorm,
    kernel: int = 3,
    dilation: int = 1,
    groups: int = 1,
) -> nn.Sequential:
    """Return a convolution of stride 1 without bias, a normalisation, and a ReLU."""
    return nn.Sequential(
        conv(
            spatial_dims,
            in_channels,
            out_channels,
            kernel=kernel,
            dilation=dilation,
            groups=groups,
            bias=False,
        ),
        norm_layer(norm, spatial_dims, out_channels),
        nn.ReLU(inplace=True),
    )


def separable_conv_norm_relu(
    spatial_dims: int, in_channels: int, out_channels: int, *, norm: ResNetNorm, dilation: int = 1
) -> nn.Sequential:
    """Return a depthwise 3×3 and a 1×1 convolution, each with a normalisation and a ReLU."""
    depthwise = conv_norm_relu(
        spatial_dims, in_channels, in_channels, norm=norm, dilation=dilation, groups=in_channels
    )
    pointwise = conv_norm_relu(spatial_dims, in_channels, out_channels, norm=norm, kernel=1)
    return nn.Sequential(*depthwise, *pointwise)


def pixel_conv_norm_relu(spatial_dims: int, in_channels: int, out_channels: int) -> nn.Sequential:
    """Return a 1×1 `conv_norm_relu` for maps that were pooled to a single pixel.

    They are normalised over their channels (group normalisation with one group), whichever
    normalisation other layers have. The papers normalise over the batch. Then a batch of one
    image cannot be normalised, one of two images is reduced to signs, and the statistics of
    small batches differ between training and prediction. The number of weights is the same.
    """
    return nn.Sequential(
        conv(spatial_dims, in_channels, out_channels, kernel=1, bias=False),
        nn.GroupNorm(1, out_channels),
        nn.ReLU(inplace=True),
    )


def enlarge(x: Tensor, factor: int, size: Sequence[int]) -> Tensor:
    """Interpolate linearly such that pixel i of ``x`` lies at pixel ``i * factor`` of the result.

    Parameters
    ----------
    x : Tensor, (N, C, *coarse)
    factor : int
    size : sequence of int
        Size of the result; pixels after the last pixel of ``x`` have its value.
    """
    if factor > 1:
        interpolated_size = [(n - 1) * factor + 1 for n in x.shape[2:]]
        x = F.interpolate(x, size=interpolated_size, mode=LINEAR[x.ndim], align_corners=True)
    missing = [s - n for s, n in zip(size, x.shape[2:], strict=True)]
    # torch's padding begins with the last axis
    return F.pad(x, [pad for n in reversed(missing) for pad in (0, n)], mode="replicate")
