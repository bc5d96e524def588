"""DeepLabv3: atrous convolution at several rates, and image-level features.

Chen, Papandreou, Schroff, Adam 2017, https://arxiv.org/abs/1706.05587. The defaults are the
paper's ResNet-50 at output stride 16, with rates 6, 12 and 18 (doubled at output stride 8), and
rates 2, 4 and 8 in the last stage (multi-grid).

Departures: there is a 3×3 convolution between the projection and the classifier, as in
torchvision, so that the numbers of parameters are the same: 39,638,869 for three channels and 21
classes, and 42,004,074 with the auxiliary head (an option, off by default, which the paper does
not have). Image-level features are normalised over their channels, not over the batch
(`septum.networks.dilated.pixel_conv_norm_relu`). There is dropout of 0.1 after the projection, as
in the authors' code. Images may have any size, not only 16n + 1 (`septum.networks.dilated`).

If a rate is not smaller than the feature map (patch size / output stride), only the centre of the
3×3 kernel has an effect. Hence small patches need smaller ``rates``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from septum.networks.blocks import MEAN_TO_SIZE, initialise
from septum.networks.dilated import (
    AuxiliaryWeight,
    BackboneName,
    DilatedNetwork,
    Dropout,
    Rates,
    conv_norm_relu,
    fcn_head,
    pixel_conv_norm_relu,
    residual_encoder,
    separable_conv_norm_relu,
)
from septum.networks.resnet import ResNetNorm
from septum.networks.vgg import Width, scaled


class DeepLabV3(DilatedNetwork):
    """DeepLabv3: atrous spatial pyramid pooling on a dilated residual network.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    backbone : str
        "resnet18", "resnet34", "resnet50" or "resnet101".
    width : float
        Multiplier of all numbers of channels.
    output_stride : int
        Pixels of the image per pixel of the last features: 8 or 16.
    rates : (int, int, int)
        Rates of the atrous 3×3 convolutions at output stride 16, which are doubled at 8.
    multi_grid : (int, int, int)
        Multipliers of the rates of the blocks of the last stage.
    deep_stem : bool
        Use three 3×3 convolutions instead of the backbone's 7×7 convolution.
    norm : str
        "batch", "instance" or "group".
    dropout : float
        Dropout rate after the projection (and before the auxiliary classifier), in training.
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
        output_stride: Literal[8, 16] = 16,
        rates: Rates = (6, 12, 18),
        multi_grid: Rates = (1, 2, 4),
        deep_stem: bool = False,
        norm: ResNetNorm = "batch",
        dropout: Dropout = 0.1,
        auxiliary: AuxiliaryWeight = 0.0,
    ) -> None:
        encoder = residual_encoder(
            backbone,
            spatial_dims,
            in_channels,
            width=width,
            output_stride=output_stride,
            deep_stem=deep_stem,
            multi_grid=multi_grid,
            norm=norm,
        )
        super().__init__(encoder, stride=output_stride)
        *_, before, last = encoder.channels
        channels = scaled(256, width)
        self.aspp = ASPP(
            spatial_dims, last, channels, rates_at(output_stride, rates), norm=norm, dropout=dropout
        )
        self.head = fcn_head(spatial_dims, channels, channels, out_channels, norm=norm)
        self.auxiliary = auxiliary
        if auxiliary:
            self.auxiliary_head = fcn_head(
                spatial_dims, before, channels, out_channels, norm=norm, dropout=dropout
            )
        initialise(self)

    def decode(self, features: list[Tensor]) -> Tensor:
        """Map the backbone's features to logits at the output stride."""
        return self.head(self.aspp(features[-1]))


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling.

    A 1×1 convolution, a 3×3 convolution at each rate and the mean of the whole map, each with
    ``channels`` channels, are concatenated and projected to ``channels`` by a 1×1 convolution.

    Parameters
    ----------
    spatial_dims, in_channels, channels : int
    rates : sequence of int
    norm : str
    dropout : float
    separable : bool
        Use depthwise separable 3×3 convolutions.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        channels: int,
        rates: Sequence[int],
        *,
        norm: ResNetNorm,
        dropout: float,
        separable: bool = False,
    ) -> None:
        super().__init__()
        atrous = separable_conv_norm_relu if separable else conv_norm_relu
        self.branches = nn.ModuleList(
            [conv_norm_relu(spatial_dims, in_channels, channels, kernel=1, norm=norm)]
        )
        for rate in rates:
            branch = atrous(spatial_dims, in_channels, channels, dilation=rate, norm=norm)
            self.branches.append(branch)
        self.pool = nn.Sequential(
            MEAN_TO_SIZE[spatial_dims](1),
            pixel_conv_norm_relu(spatial_dims, in_channels, channels),
        )
        joined = (len(rates) + 2) * channels
        self.project = nn.Sequential(
            conv_norm_relu(spatial_dims, joined, channels, kernel=1, norm=norm),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, in_channels, *size)`` to ``(N, channels, *size)``."""
        parts = [branch(x) for branch in self.branches]
        parts.append(self.pool(x).expand_as(parts[0]))
        return self.project(torch.cat(parts, dim=1))


def rates_at(output_stride: int, rates: Sequence[int]) -> list[int]:
    """Convert rates from output stride 16 to another output stride."""
    return [rate * 16 // output_stride for rate in rates]
