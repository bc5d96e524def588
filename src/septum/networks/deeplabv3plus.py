"""DeepLabv3+: DeepLabv3 with a decoder and atrous separable convolution.

Chen, Zhu, Papandreou, Schroff, Adam, ECCV 2018, https://arxiv.org/abs/1802.02611.

The features of atrous spatial pyramid pooling are interpolated to a quarter of the image size,
concatenated with the features of the first stage (reduced to 48 channels), and refined by two 3×3
convolutions of 256 channels. As in the authors' code, the 3×3 convolutions of pyramid and decoder
are depthwise separable, with normalisation and ReLU after the depthwise part, too.

Departures: the backbone is a residual network with torchvision's layout, by default of 50 layers,
whereas the best one of the paper is a modified Xception. As in DeepLabv3, image-level features
are normalised over their channels, an auxiliary head is an option, and images may have any size.
Defaults and the advice on rates are those of DeepLabv3.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from septum.networks.blocks import conv, initialise
from septum.networks.deeplabv3 import ASPP, rates_at
from septum.networks.dilated import (
    AuxiliaryWeight,
    BackboneName,
    DilatedNetwork,
    Dropout,
    Rates,
    conv_norm_relu,
    enlarge,
    fcn_head,
    residual_encoder,
    separable_conv_norm_relu,
)
from septum.networks.resnet import ResNetNorm
from septum.networks.vgg import Width, scaled

LOW_STRIDE = 4
"""Pixels of the image per pixel of the first stage's features."""


class DeepLabV3Plus(DilatedNetwork):
    """DeepLabv3 with a decoder.

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
    separable : bool
        Use depthwise separable 3×3 convolutions in pyramid and decoder.
    norm : str
        "batch", "instance" or "group".
    dropout : float
        Dropout rate after the pyramid (and before the auxiliary classifier), in training.
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
        separable: bool = True,
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
        self.logits_stride = LOW_STRIDE
        low, _, before, last = encoder.channels
        channels, reduced_channels = scaled(256, width), scaled(48, width)
        self.aspp = ASPP(
            spatial_dims,
            last,
            channels,
            rates_at(output_stride, rates),
            norm=norm,
            dropout=dropout,
            separable=separable,
        )
        self.reduce = conv_norm_relu(spatial_dims, low, reduced_channels, kernel=1, norm=norm)
        refine = separable_conv_norm_relu if separable else conv_norm_relu
        self.head = nn.Sequential(
            refine(spatial_dims, channels + reduced_channels, channels, norm=norm),
            refine(spatial_dims, channels, channels, norm=norm),
            conv(spatial_dims, channels, out_channels, kernel=1),
        )
        self.auxiliary = auxiliary
        if auxiliary:
            self.auxiliary_head = fcn_head(
                spatial_dims, before, channels, out_channels, norm=norm, dropout=dropout
            )
        initialise(self)

    def decode(self, features: list[Tensor]) -> Tensor:
        """Map the backbone's features to logits at stride 4."""
        low = self.reduce(features[0])
        high = enlarge(self.aspp(features[-1]), self.stride // LOW_STRIDE, low.shape[2:])
        return self.head(torch.cat([high, low], dim=1))
