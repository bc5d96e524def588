"""Dense U-Net: dense blocks in place of U-Net's double convolutions (FC-DenseNet).

Jégou, Drozdzal, Vazquez, Romero, Bengio, CVPR workshops 2017,
https://arxiv.org/abs/1611.09326; dense blocks: Huang et al., CVPR 2017,
https://arxiv.org/abs/1608.06993.

The defaults are FC-DenseNet56. The others: FC-DenseNet67 is ``growth=16, layers=5``;
FC-DenseNet103 is ``growth=16, layers=[4, 5, 7, 10, 12, 15]``.

Departures from the paper: convolutions that feed a normalisation have no bias, which would be
taken out again (under 0.1 % of the parameters); ``bottleneck`` (a 1×1 convolution to
4·growth channels before each 3×3, DenseNet-B), ``attention`` (gated skips, see
`septum.networks.attention`) and norms other than batch are options the paper has not.
Up-convolutions have the paper's 3×3 kernels and stride 2, which give a row and a column too many:
the first ones are cropped, where the authors' code crops the last, so that the middle of the
kernel comes to lie on pixel 2i of the image that pixel i stands for.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from septum.errors import problem
from septum.networks.attention import skip_gates
from septum.networks.blocks import Network, conv, initialise, max_pool, norm_layer, up_conv

Count = Annotated[int, Field(ge=1)]
DenseNorm = Literal["batch", "instance", "group"]


class DenseUNet(Network):
    """FC-DenseNet, padded.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    width : int
        Channels of the first convolution.
    growth : int
        Channels that each layer of a dense block adds.
    layers : int or list of int
        Layers of a dense block; as a list, from the top level to the lowest (depth + 1 of
        them), the way up mirroring the way down.
    depth : int
        Number of poolings.
    bottleneck : bool
        Reduce to 4·growth channels by a 1×1 convolution before each 3×3 convolution.
    norm : str
        "batch", "instance" or "group", before each ReLU and convolution.
    attention : bool
        Weigh all skips but the topmost by attention gates; needs a depth of 2.
    dropout : float
        Rate after each convolution of the dense blocks and transitions, in training.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        width: Count = 48,
        growth: Count = 12,
        layers: Count | list[Count] = 4,
        depth: Annotated[int, Field(ge=1, le=8)] = 5,
        bottleneck: bool = False,
        norm: DenseNorm = "batch",
        attention: bool = False,
        dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.2,
    ) -> None:
        super().__init__()
        counts = [layers] * (depth + 1) if isinstance(layers, int) else layers
        if len(counts) != depth + 1:
            raise problem(
                "options.layers",
                f"has {len(counts)} entries for {depth + 1} levels",
                f"give {depth + 1} numbers (depth + 1), or one for all levels",
            )
        self.stride = 2**depth
        self._min_features = 2  # statistics of a normalisation need more than one pixel

        def dense(n_in: int, count: int) -> DenseBlock:
            return DenseBlock(
                spatial_dims, n_in, growth, count, bottleneck=bottleneck, norm=norm, dropout=dropout
            )

        self.first = conv(spatial_dims, in_channels, width, bias=False)
        self.contract, self.down = nn.ModuleList(), nn.ModuleList()
        channels, skips = width, []
        for count in counts[:-1]:
            self.contract.append(dense(channels, count))
            channels += count * growth
            skips.append(channels)
            self.down.append(_transition_down(spatial_dims, channels, norm, dropout))
        self.lowest = dense(channels, counts[-1])
        self.up, self.expand = nn.ModuleList(), nn.ModuleList()
        new = counts[-1] * growth
        below = [count * growth for count in counts[:0:-1]]
        self.gates = skip_gates(
            spatial_dims, list(zip(skips[::-1], below, strict=True)), on=attention
        )
        for count, skip in zip(reversed(counts[:-1]), reversed(skips), strict=True):
            self.up.append(up_conv(spatial_dims, new, new, kernel=3, bias=False))
            channels = skip + new
            self.expand.append(dense(channels, count))
            new = count * growth
        self.logits = conv(spatial_dims, channels + new, out_channels, kernel=1)
        initialise(self, uniform=True)

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, in_channels, *size)`` to logits ``(N, out_channels, *size)``."""
        self.require_legal(images)
        x, skips = self.first(images), []
        for block, down in zip(self.contract, self.down, strict=True):
            x = torch.cat([x, block(x)], dim=1)
            skips.append(x)
            x = down(x)
        new = self.lowest(x)
        for up, gate, block in zip(self.up, self.gates, self.expand, strict=True):
            # a block's input is not carried upwards, or the channels would explode
            x = torch.cat([gate(skips.pop(), new), up(new)], dim=1)
            new = block(x)
        return self.logits(torch.cat([x, new], dim=1))


class DenseBlock(nn.Module):
    """Layers of which each sees the block's input and the output of all before it.

    Returns the new features only, ``(N, growth · count, *size)``.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        growth: int,
        count: int,
        *,
        bottleneck: bool,
        norm: DenseNorm,
        dropout: float,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for channels in range(in_channels, in_channels + count * growth, growth):
            steps = []
            if bottleneck:
                steps.append(_step(spatial_dims, channels, 4 * growth, 1, norm, dropout))
                channels = 4 * growth
            steps.append(_step(spatial_dims, channels, growth, 3, norm, dropout))
            self.layers.append(nn.Sequential(*steps))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, in_channels, *size)`` to ``(N, growth · count, *size)``."""
        new: list[Tensor] = []
        for layer in self.layers:
            new.append(layer(torch.cat([x, *new], dim=1)))
        return torch.cat(new, dim=1)


def _step(
    dims: int, n_in: int, n_out: int, kernel: int, norm: DenseNorm, dropout: float
) -> nn.Sequential:
    """Return normalisation, ReLU, convolution, dropout: the order of pre-activation."""
    return nn.Sequential(
        norm_layer(norm, dims, n_in),
        nn.ReLU(inplace=True),
        conv(dims, n_in, n_out, kernel=kernel, bias=False),
        nn.Dropout(dropout),
    )


def _transition_down(dims: int, channels: int, norm: DenseNorm, dropout: float) -> nn.Sequential:
    return nn.Sequential(_step(dims, channels, channels, 1, norm, dropout), max_pool(dims))
