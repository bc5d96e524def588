"""Attention gates: skip connections weighted pixelwise by scores from the level below.

Oktay et al. 2018, Attention U-Net: learning where to look for the pancreas,
https://arxiv.org/abs/1804.03999, equations 1 and 2. They are an option of `UNet` and `DenseUNet`.

As in the paper, scores are additive (Bahdanau et al. 2015), computed on the coarser grid of the
gating signal, and shared by all channels, and the topmost skip is not gated. As in the authors'
released code, a gate has as many intermediate channels as the skip.

Departures from the paper: a score is used for all pixels that it was computed from (2×2 in 2-D),
whereas the paper interpolates scores linearly. Interpolation would depend on pixels beyond the
border of an unpadded tile, so that tiles would not agree with the whole image. The two additional
1×1 convolutions of the released code after the gate are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from septum.errors import problem
from septum.networks.blocks import CONV, conv


class AttentionGate(nn.Module):
    """A gate that weights a skip connection by scores between 0 and 1.

    Parameters
    ----------
    spatial_dims : int
    skip_channels : int
        Channels of the skip connection.
    signal_channels : int
        Channels of the gating signal, whose size is half that of the skip connection.
    """

    def __init__(self, spatial_dims: int, skip_channels: int, signal_channels: int) -> None:
        super().__init__()
        self.skip = CONV[spatial_dims](skip_channels, skip_channels, 2, stride=2, bias=False)
        self.signal = conv(spatial_dims, signal_channels, skip_channels, kernel=1)
        self.score = conv(spatial_dims, skip_channels, 1, kernel=1)
        self.repeat = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, skip: Tensor, signal: Tensor) -> Tensor:
        """Return the weighted ``skip``.

        Parameters
        ----------
        skip : Tensor, (N, skip_channels, *2·size)
        signal : Tensor, (N, signal_channels, *size)
        """
        score = self.score(torch.relu(self.skip(skip) + self.signal(signal)))
        return skip * self.repeat(torch.sigmoid(score))


class NoGate(nn.Module):
    """The identity, in place of a gate for skip connections that are not gated."""

    def forward(self, skip: Tensor, signal: Tensor) -> Tensor:
        """Return ``skip``."""
        return skip


def skip_gates(
    spatial_dims: int, channels: Sequence[tuple[int, int]], *, on: bool
) -> nn.ModuleList:
    """Return the gates of all skip connections, in the order of the expanding path.

    Parameters
    ----------
    spatial_dims : int
    channels : sequence of (int, int)
        Channels of each skip, and of the features below it, the lowest level first.
    on : bool
        Whether to use attention gates, at all skips but the topmost one.

    Raises
    ------
    SeptumError
        If there is a single skip, which would not be gated.
    """
    if not on:
        return nn.ModuleList(NoGate() for _ in channels)
    if len(channels) == 1:
        what = "has nothing to gate: the topmost skip, the only one at depth 1, passes as it is"
        raise problem("options.attention", what, "give a depth of 2 or more, or leave it out")
    gates = [AttentionGate(spatial_dims, skip, below) for skip, below in channels[:-1]]
    return nn.ModuleList([*gates, NoGate()])
