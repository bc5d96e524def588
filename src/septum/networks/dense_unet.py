"""Dense U-Net (FC-DenseNet): a U-Net with dense blocks instead of double convolutions.

Jégou, Drozdzal, Vazquez, Romero, Bengio, CVPR workshops 2017,
https://arxiv.org/abs/1611.09326; dense blocks: Huang et al., CVPR 2017,
https://arxiv.org/abs/1608.06993.

The defaults are those of FC-DenseNet56. FC-DenseNet67 has ``growth=16, layers=5``, and
FC-DenseNet103 has ``growth=16, layers=[4, 5, 7, 10, 12, 15]``.

Departures from the paper: convolutions before a normalisation have no bias, since it would have
no effect (under 0.1 % of the parameters). ``bottleneck`` (a 1×1 convolution to 4·growth channels
before each 3×3 convolution, as in DenseNet-B), ``attention`` (gated skip connections, see
`septum.networks.attention`) and norms other than batch are additional options. Up-convolutions
have the paper's 3×3 kernels and stride 2, which give an additional row and column. The first row
and column are cropped, whereas the authors' code crops the last ones, so that the centre of the
kernel at pixel i lies at the corresponding pixel 2i.
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
    """FC-DenseNet with padded convolutions.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    width : int
        Channels of the first convolution.
    growth : int
        Number of channels that each layer of a dense block adds.
    layers : int or list of int
        Number of layers of a dense block, or a list of depth + 1 numbers from the top level to
        the lowest, which hold for the contracting and the expanding path.
    depth : int
        Number of poolings.
    bottleneck : bool
        Reduce to 4·growth channels by a 1×1 convolution before each 3×3 convolution.
    norm : str
        Normalisation before each ReLU and convolution: "batch", "instance" or "group".
    attention : bool
        Weight all skip connections except the topmost by attention gates; needs a depth of at
        least 2.
    dropout : float
        Dropout rate after each convolution of the dense blocks and transitions, in training.
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
        self._min_features = 2  # the statistics of a normalisation need more than one pixel

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
            # the input of a block is not passed on, which would give far too many channels
            x = torch.cat([gate(skips.pop(), new), up(new)], dim=1)
            new = block(x)
        return self.logits(torch.cat([x, new], dim=1))


class DenseBlock(nn.Module):
    """Layers whose input is the block's input and the output of all previous layers.

    The output consists of the new features only, ``(N, growth · count, *size)``.
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
    """Return normalisation, ReLU, convolution and dropout, in this order (pre-activation)."""
    return nn.Sequential(
        norm_layer(norm, dims, n_in),
        nn.ReLU(inplace=True),
        conv(dims, n_in, n_out, kernel=kernel, bias=False),
        nn.Dropout(dropout),
    )


def _transition_down(dims: int, channels: int, norm: DenseNorm, dropout: float) -> nn.Sequential:
    return nn.Sequential(_step(dims, channels, channels, 1, norm, dropout), max_pool(dims))
