"""Swin UNETR: a Swin transformer as encoder, convolutions as decoder, from MONAI.

Hatamizadeh, Nath, Tang, Yang, Roth, Xu, MICCAI BrainLes 2022,
https://arxiv.org/abs/2201.01266.

The defaults are the paper's: patches of 2 pixels a side, 48 channels doubled at each of four
stages, two transformer blocks a stage, windows of 7 tokens a side, residual convolution blocks
with instance normalisation in the decoder.

Departures from the paper: the released implementation is MONAI's and is used as it is. Without
its pretraining. ``v2`` puts a residual convolution block before each stage (SwinUNETR-V2, He et
al. 2023). Attention windows lie on a fixed grid, so tiles agree where they overlap only
approximately, whatever their place.
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
# of a list in the configuration, and of the tuple that is the default
Depths = Annotated[list[Count], Field(strict=False, min_length=4, max_length=4)]


class SwinUNETR(Network):
    """Swin UNETR, padded.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    width : int
        Channels of the first stage, a multiple of 12; each stage below has twice as many.
    depths : sequence of int
        Transformer blocks of each of the four stages.
    window : int
        Tokens a side of an attention window.
    v2 : bool
        A residual convolution block before each stage.
    norm : str
        "instance" or "group", in the convolution blocks. With "group" an axis may be as short
        as 32 pixels, with "instance" 64.
    dropout : float
        Rate within the transformer, in training.
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
        # statistics of one channel need more than one pixel
        self._min_features = 2 if norm == "instance" else 1
        norms = {"instance": "instance", "group": ("group", {"num_groups": math.gcd(8, width)})}
        with torch.device("cpu"):  # while it builds, the library reads numbers out of a tensor
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
        self.net = net.to(torch.get_default_device())  # "meta", where only shapes are wanted

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, in_channels, *size)`` to logits ``(N, out_channels, *size)``."""
        self.require_legal(images)
        return self.net(images)
