"""SegResNet: an encoder of residual blocks and a light decoder, from MONAI.

Myronenko 2018, winner of the brain tumour segmentation challenge of that year,
https://arxiv.org/abs/1810.11654.

The defaults are those of the paper: 32 channels that are doubled at each level, 1, 2, 2 and 4
pre-activated residual blocks at the levels of the encoder and one at each level of the decoder,
group normalisation with 8 groups, upsampling by linear interpolation, addition of skip
connections, and dropout of 0.2 after the first convolution.

Departures from the paper: there is no variational autoencoder that regularises the encoder in
training. With fewer than 8 channels there are fewer groups.
"""

from __future__ import annotations

import math
from typing import Annotated

from monai.networks import nets
from pydantic import Field
from torch import Tensor

from septum.errors import problem
from septum.networks.blocks import Network

Count = Annotated[int, Field(ge=1)]
# not strict, since configuration files have lists and the defaults are tuples
Down = Annotated[list[Count], Field(strict=False, min_length=2, max_length=8)]
Up = Annotated[list[Count], Field(strict=False, min_length=1, max_length=7)]


class SegResNet(Network):
    """SegResNet with padded convolutions.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    width : int
        Channels of the first level; each level below has twice as many.
    blocks_down, blocks_up : sequence of int
        Numbers of residual blocks of the levels, in the encoder from the top level down, and in
        the decoder from the bottom up. The decoder has one level less than the encoder.
    dropout : float
        Fraction of channels that are dropped after the first convolution, in training.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        width: Annotated[int, Field(ge=1)] = 32,
        blocks_down: Down = (1, 2, 2, 4),
        blocks_up: Up = (1, 1, 1),
        dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.2,
    ) -> None:
        super().__init__()
        if len(blocks_up) != len(blocks_down) - 1:
            raise problem(
                "options.blocks_up",
                f"has {len(blocks_up)} entries for {len(blocks_down)} levels on the way down",
                f"give {len(blocks_down) - 1} numbers, one a pooling",
            )
        self.stride = 2 ** (len(blocks_down) - 1)
        self._min_features = 2  # the statistics of a normalisation need more than one pixel
        self.net = nets.SegResNet(
            spatial_dims,
            width,
            in_channels,
            out_channels,
            dropout_prob=dropout or None,
            norm=("group", {"num_groups": math.gcd(8, width)}),
            blocks_down=tuple(blocks_down),
            blocks_up=tuple(blocks_up),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, in_channels, *size)`` to logits ``(N, out_channels, *size)``."""
        self.require_legal(images)
        return self.net(images)
