"""UNet++: a U-Net with nested convolution blocks as skip connections.

Zhou, Siddiquee, Tajbakhsh, Liang, MICCAI workshops 2018, https://arxiv.org/abs/1807.10165.

The input of node (level, step) of the paper's figure 1 consists of all previous nodes of its
level and the up-convolved node (level + 1, step − 1). The defaults are those of the paper's
experiment: 32 to 512 channels, padded 3×3 convolutions with ReLU, 2×2 transposed convolutions,
and 9,041,601 parameters for one input and one output channel.

With ``deep_supervision`` all nodes of the top level except the first have logits, which are
trained with equal weight, and the prediction is their mean (the paper's accurate mode).

Departures from the paper: the prediction is the mean of the logits, not of the probabilities, so
that it is defined for heads whose channels are not classes, too. The fast mode (pruning the
network after training) is left out. The options depart from it: ``norm``, ``residual`` (as in
`UNet`) and ``dropout`` at the end of each node (the released code drops half of the values after
each convolution, which the text does not mention).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from septum.networks.blocks import (
    ConvBlock,
    Network,
    NormName,
    conv,
    initialise,
    max_pool,
    up_conv,
)


class UNetPlusPlus(Network):
    """UNet++ with padded convolutions.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    width : int
        Channels of the first level; each level below has twice as many.
    depth : int
        Number of poolings.
    norm : str
        "none", "batch", "instance" or "group".
    residual : bool
        Add the input of each block to its output.
    deep_supervision : bool
        Train the logits of all nodes of the top level, and average them.
    dropout : float
        Dropout rate at the end of each node, in training.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        width: Annotated[int, Field(ge=1)] = 32,
        depth: Annotated[int, Field(ge=1, le=8)] = 4,
        norm: NormName = "none",
        residual: bool = False,
        deep_supervision: bool = False,
        dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0,
    ) -> None:
        super().__init__()
        self.stride = 2**depth
        # the statistics of a normalisation need more than one pixel
        self._min_features = 1 if norm == "none" else 2

        def node(n_in: int, n_out: int) -> nn.Sequential:
            block = ConvBlock(spatial_dims, n_in, n_out, padded=True, norm=norm, residual=residual)
            return nn.Sequential(block, nn.Dropout(dropout))

        widths = [width * 2**level for level in range(depth + 1)]
        self.pool = max_pool(spatial_dims)
        self.contract = nn.ModuleList(node(*pair) for pair in pairwise([in_channels, *widths]))
        # expand[level][step - 1] and up[level][step - 1] compute node (level, step)
        self.expand, self.up = nn.ModuleList(), nn.ModuleList()
        for level, (low, high) in enumerate(pairwise(widths)):
            steps = range(1, depth - level + 1)
            self.expand.append(nn.ModuleList(node((step + 1) * low, low) for step in steps))
            self.up.append(nn.ModuleList(up_conv(spatial_dims, high, low) for _ in steps))
        heads = depth if deep_supervision else 1
        self.logits = nn.ModuleList(
            conv(spatial_dims, width, out_channels, kernel=1) for _ in range(heads)
        )
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, in_channels, *size)`` to logits ``(N, out_channels, *size)``."""
        return torch.stack(self._all_logits(images)).mean(dim=0)

    def training_logits(self, images: Tensor) -> list[tuple[float, Tensor]]:
        """Return weighted logits, in training mode those of all supervised nodes.

        The weights sum to 1.
        """
        if not self.training:
            return super().training_logits(images)
        logits = self._all_logits(images)
        return [(1 / len(logits), each) for each in logits]

    def _all_logits(self, images: Tensor) -> list[Tensor]:
        self.require_legal(images)
        levels: list[list[Tensor]] = []  # the nodes computed so far, by level
        for depth, down in enumerate(self.contract):
            levels.append([down(self.pool(levels[-1][0]) if depth else images)])
            # a diagonal of figure 1: the nodes that depend on no deeper level
            for level in reversed(range(depth)):
                row, step = levels[level], depth - level - 1
                above = self.up[level][step](levels[level + 1][-1])
                row.append(self.expand[level][step](torch.cat([*row, above], dim=1)))
        return [
            logits(node)
            for logits, node in zip(self.logits, levels[0][-len(self.logits) :], strict=True)
        ]
