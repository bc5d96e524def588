"""PSPNet: pyramid scene parsing network.

Zhao, Shi, Qi, Wang, Jia, CVPR 2017, https://arxiv.org/abs/1612.01105; the authors' code in
PyTorch: https://github.com/hszhao/semseg.

The defaults are those of the authors' code: ResNet-50 at output stride 8 with a stem of three 3×3
convolutions, average pooling to 1, 2, 3 and 6 bins along each axis, and an auxiliary loss of
weight 0.4 at the third stage. There are 49,081,578 parameters for three channels and 21 classes,
and 46,716,373 without the auxiliary head. Published ResNet checkpoints have the plain stem
(``deep_stem: false``).

Departures: the single bin is normalised over its channels, not over the batch
(`septum.networks.dilated.pixel_conv_norm_relu`). Dropout drops single values instead of whole
channels (as in the first release, in Caffe). Dilations are those of torchvision
(`septum.networks.resnet`). Images may have any size, not only 8n + 1 (`septum.networks.dilated`).
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from septum.networks.blocks import MEAN_TO_SIZE, initialise
from septum.networks.dilated import (
    LINEAR,
    AuxiliaryWeight,
    BackboneName,
    DilatedNetwork,
    Dropout,
    conv_norm_relu,
    fcn_head,
    pixel_conv_norm_relu,
    residual_encoder,
)
from septum.networks.resnet import ResNetNorm
from septum.networks.vgg import Width, scaled

BINS = (1, 2, 3, 6)


class PSPNet(DilatedNetwork):
    """PSPNet: pyramid pooling on a dilated residual network.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    backbone : str
        "resnet18", "resnet34", "resnet50" or "resnet101".
    width : float
        Multiplier of all numbers of channels.
    output_stride : int
        Pixels of the image per pixel of the pooled features: 8 or 16.
    deep_stem : bool
        Use three 3×3 convolutions instead of the backbone's 7×7 convolution.
    norm : str
        "batch", "instance" or "group".
    dropout : float
        Dropout rate before the classifiers, in training.
    auxiliary : float
        Weight of the auxiliary loss; 0 for no auxiliary head.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        backbone: BackboneName = "resnet50",
        width: Width = 1.0,
        output_stride: Literal[8, 16] = 8,
        deep_stem: bool = True,
        norm: ResNetNorm = "batch",
        dropout: Dropout = 0.1,
        auxiliary: AuxiliaryWeight = 0.4,
    ) -> None:
        encoder = residual_encoder(
            backbone,
            spatial_dims,
            in_channels,
            width=width,
            output_stride=output_stride,
            deep_stem=deep_stem,
            norm=norm,
        )
        super().__init__(encoder, stride=output_stride)
        *_, before, last = encoder.channels

        def head(n_in: int, channels: int) -> nn.Module:
            middle = scaled(channels, width)
            return fcn_head(spatial_dims, n_in, middle, out_channels, norm=norm, dropout=dropout)

        self.pyramid = PyramidPooling(spatial_dims, last, norm=norm)
        self.head = head(self.pyramid.out_channels, 512)
        self.auxiliary = auxiliary
        if auxiliary:
            self.auxiliary_head = head(before, 256)
        initialise(self)

    def decode(self, features: list[Tensor]) -> Tensor:
        """Map the backbone's features to logits at the output stride."""
        return self.head(self.pyramid(features[-1]))


class PyramidPooling(nn.Module):
    """Concatenation of the input with its means over 1, 2, 3 and 6 bins along each axis.

    The means are projected to a quarter of the channels each, and interpolated to the size of the
    input.

    Attributes
    ----------
    out_channels : int
        ``in_channels + 4 * (in_channels // 4)``.
    """

    def __init__(self, spatial_dims: int, in_channels: int, *, norm: ResNetNorm) -> None:
        super().__init__()
        channels = in_channels // len(BINS)
        self.out_channels = in_channels + len(BINS) * channels
        self.levels = nn.ModuleList()
        for bins in BINS:
            if bins == 1:
                project = pixel_conv_norm_relu(spatial_dims, in_channels, channels)
            else:
                project = conv_norm_relu(spatial_dims, in_channels, channels, kernel=1, norm=norm)
            self.levels.append(nn.Sequential(MEAN_TO_SIZE[spatial_dims](bins), project))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, in_channels, *size)`` to ``(N, out_channels, *size)``."""
        size, mode = x.shape[2:], LINEAR[x.ndim]
        levels = [
            F.interpolate(level(x), size=size, mode=mode, align_corners=True)
            for level in self.levels
        ]
        return torch.cat([x, *levels], dim=1)
