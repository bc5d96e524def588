"""U-Net: convolutional networks for biomedical image segmentation.

Ronneberger, Fischer, Brox, MICCAI 2015, https://arxiv.org/abs/1505.04597.

With the defaults this is the network of the paper's figure 1, with 23 unpadded convolutions, 2×2
max-pooling, 2×2 transposed convolutions, cropped skip connections, images of 572² and logits of
388² pixels, and 31,030,658 parameters for one channel and two classes. Details that the text does
not define are those of the authors' released network: dropout (rate 0.5) after the last block of
the contracting path and after the block below it, before pooling and skip connection.

Departures from the paper: none with the defaults. (The released network differs from the paper's
figure, which is followed here: it has a ReLU after each up-convolution, and 128 channels at the
last one.) The options depart from it: ``padded`` convolutions keep the size, so that logits near
the border of a tile depend on padding. ``norm`` adds a normalisation between convolution and ReLU
and removes the bias before it. ``residual`` adds the input of each block to its output (Zhang,
Liu, Wang 2018, https://arxiv.org/abs/1711.10684, but with ReLU after the sum). ``attention``
weights the skip connections (Oktay et al. 2018, https://arxiv.org/abs/1804.03999; see
`septum.networks.attention`). In 3-D all kernels have a third axis (Çiçek et al. 2016,
https://arxiv.org/abs/1606.06650, who also double the channels earlier).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from septum.networks.attention import skip_gates
from septum.networks.blocks import (
    ConvBlock,
    Network,
    NormName,
    centre_crop,
    conv,
    initialise,
    max_pool,
    up_conv,
)


class UNet(Network):
    """U-Net with unpadded (the default) or padded convolutions.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    width : int
        Channels of the first level; each level below has twice as many.
    depth : int
        Number of poolings.
    padded : bool
        Whether logits have the size of the image. If not, as in the paper, they are smaller by
        ``margin`` pixels on each side.
    norm : str
        "none", "batch", "instance" or "group".
    residual : bool
        Add the input of each block to its output.
    attention : bool
        Weight all skip connections except the topmost by attention gates; needs a depth of at
        least 2.
    dropout : float
        Dropout rate after the two lowest blocks of the contracting path, in training.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        width: Annotated[int, Field(ge=1)] = 64,
        depth: Annotated[int, Field(ge=1, le=8)] = 4,
        padded: bool = False,
        norm: NormName = "none",
        residual: bool = False,
        attention: bool = False,
        dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5,
    ) -> None:
        super().__init__()
        self.padded = padded
        self.stride = 2**depth
        # the two convolutions of a level remove 2 of its pixels on each side, which are 2^level
        # pixels of the image each: 2·(1 + 2 + … + 2^depth) in the contracting path and
        # 2·(1 + … + 2^(depth-1)) in the expanding path
        self.margin = 0 if padded else 6 * self.stride - 4
        # the statistics of a normalisation need more than one pixel
        self._min_features = 1 if norm == "none" else 2

        def block(n_in: int, n_out: int) -> ConvBlock:
            return ConvBlock(spatial_dims, n_in, n_out, padded=padded, norm=norm, residual=residual)

        widths = [width * 2**level for level in range(depth + 1)]
        pairs = list(pairwise(widths))
        self.contract = nn.ModuleList(
            [block(in_channels, width), *(block(low, high) for low, high in pairs)]
        )
        self.dropouts = nn.ModuleList(
            nn.Dropout(dropout if level >= depth - 1 else 0.0) for level in range(depth + 1)
        )
        self.pool = max_pool(spatial_dims)
        self.up = nn.ModuleList(up_conv(spatial_dims, high, low) for low, high in reversed(pairs))
        self.gates = skip_gates(spatial_dims, pairs[::-1], on=attention)
        self.expand = nn.ModuleList(block(2 * low, low) for low, _ in reversed(pairs))
        self.logits = conv(spatial_dims, width, out_channels, kernel=1)
        initialise(self)

    def legal_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """Return the smallest legal size that holds ``size``.

        With padding, legal sizes are multiples of 2^depth. Without padding, all pooled maps must
        have an even size. If the lowest level has t pixels, legal sizes are
        t·2^depth + 4·(2^depth − 1), where t ≥ 8 so that logits are not empty (for depth 4: 188,
        204, 220, …).
        """
        if self.padded:
            return super().legal_size(size)
        margins = 4 * (self.stride - 1)
        min_lowest = 7 if self.stride == 2 else 8
        return tuple(
            max(-(-(s - margins) // self.stride), min_lowest) * self.stride + margins for s in size
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, in_channels, *size)`` to logits, smaller by ``margin`` on each side."""
        self.require_legal(images)
        x, skips = images, []
        for level, (block, dropout) in enumerate(zip(self.contract, self.dropouts, strict=True)):
            x = dropout(block(self.pool(x) if level else x))
            skips.append(x)
        skips.pop()
        for up, gate, block in zip(self.up, self.gates, self.expand, strict=True):
            below, x = x, up(x)
            skip = gate(centre_crop(skips.pop(), x.shape[2:]), below)
            x = block(torch.cat([skip, x], dim=1))
        return self.logits(x)
