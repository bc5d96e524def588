"""Swin UNETR: a Swin transformer as encoder and a convolutional decoder, from MONAI.

Hatamizadeh, Nath, Tang, Yang, Roth, Xu, MICCAI BrainLes 2022,
https://arxiv.org/abs/2201.01266.

The defaults are those of the paper: patches with edges of 2 pixels, 48 channels that are doubled
at each of four stages, two transformer blocks at each stage, attention windows with edges of 7
tokens, and residual convolution blocks with instance normalisation in the decoder.

Departures from the paper: none in the network, since the released implementation is MONAI's. The
encoder is not pretrained. ``v2`` adds a residual convolution block before each stage
(SwinUNETR-V2, He et al. 2023). Attention windows lie on a fixed grid, so that overlapping tiles
agree only approximately, wherever they start.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from monai.networks import nets
from pydantic import Field
from torch import Tensor

from septum.networks.blocks import Network

Count = Annotated[int, Field(ge=1)]
# not strict, since configuration files have lists and the defaults are tuples
Depths = Annotated[list[Count], Field(strict=False, min_length=4, max_length=4)]


class SwinUNETR(Network):
    """Swin UNETR with padded convolutions.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    width : int
        Channels of the first stage, a multiple of 12; each stage below has twice as many.
    depths : sequence of int
        Numbers of transformer blocks of the four stages.
    window : int
        Edge of an attention window, in tokens.
    v2 : bool
        Add a residual convolution block before each stage.
    norm : str
        Normalisation of the convolution blocks, "instance" or "group". Axes need at least 64
        pixels with "instance", and 32 with "group".
    dropout : float
        Dropout rate within the transformer, in training.
    """

    stride = 32

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        width: Annotated[int, Field(ge=12, multiple_of=12)] = 48,
        depths: Depths = (2, 2, 2, 2),
        window: Annotated[int, Field(ge=2)] = 7,
        v2: bool = False,
        norm: Literal["instance", "group"] = "instance",
        dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0,
    ) -> None:
        super().__init__()
        # the statistics of instance normalisation need more than one pixel
        self._min_features = 2 if norm == "instance" else 1
        norms = {"instance": "instance", "group": ("group", {"num_groups": math.gcd(8, width)})}
        with torch.device("cpu"):  # MONAI reads values of a tensor while it builds
            net = nets.SwinUNETR(
                in_channels,
                out_channels,
                depths=tuple(depths),
                window_size=window,
                feature_size=width,
                norm_name=norms[norm],
                drop_rate=dropout,
                spatial_dims=spatial_dims,
                use_v2=v2,
            )
        self.net = net.to(torch.get_default_device())  # may be "meta"

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, in_channels, *size)`` to logits ``(N, out_channels, *size)``."""
        self.require_legal(images)
        return self.net(images)
