"""Residual networks as encoders: ResNet-18, -34, -50 and -101, at output stride 8, 16 or 32.

He, Zhang, Ren, Sun, CVPR 2016, https://arxiv.org/abs/1512.03385. Names in the state dict are
those of torchvision, whose checkpoints fit (except for ``fc``, and only the plain stem).

At an output stride below 32 the last stages keep the size of their input, and their 3×3
convolutions are dilated instead ("à trous"). At every second (fourth) pixel the features are then
those of the undilated network with the same weights (Chen et al.,
https://arxiv.org/abs/1606.00915). To this end, the 3×3 convolution whose stride is removed keeps
the previous rate, as in torchvision; the released code of PSPNet dilates this convolution, too.

Departures from the paper: bottlenecks have their stride in the 3×3 convolution (as in
torchvision, "v1.5"), and there is no classifier. Additional options are ``deep_stem`` (three 3×3
convolutions instead of the 7×7 convolution: Szegedy et al., https://arxiv.org/abs/1512.00567, as
in PSPNet's backbone), ``multi_grid`` (DeepLabv3), ``width``, ``max_pool``, and norms other than
batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from septum.networks.blocks import MAX_POOL, conv, norm_layer
from septum.networks.vgg import Width, scaled

Layers = Literal[18, 34, 50, 101]
OutputStride = Literal[8, 16, 32]
ResNetNorm = Literal["batch", "instance", "group"]
Rates = tuple[int, int]


class ResNet(nn.Module):
    """The convolutional part of a residual network.

    Parameters
    ----------
    spatial_dims, in_channels : int
    layers : int
        18 or 34 (basic blocks), 50 or 101 (bottlenecks).
    width : float
        Multiplier of all numbers of channels.
    output_stride : int
        Pixels of the image per pixel of the last features: 8, 16 or 32.
    deep_stem : bool
        Use three 3×3 convolutions (64, 64, 128 channels) instead of one 7×7 (64 channels).
    multi_grid : (int, int, int), optional
        Multipliers of the dilations of the blocks of the last stage, of which ResNet-18 with two
        blocks uses the first two.
    norm : str
        "batch", "instance" or "group".
    stages : int
        Number of stages, at most four.
    max_pool : bool
        Whether the stem ends with max-pooling; without it, all strides are half as large.

    Attributes
    ----------
    channels : tuple of int
        Numbers of channels of the features of each stage.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        *,
        layers: Layers = 50,
        width: Width = 1.0,
        output_stride: OutputStride = 32,
        deep_stem: bool = False,
        multi_grid: tuple[int, int, int] | None = None,
        norm: ResNetNorm = "batch",
        stages: int = 4,
        max_pool: bool = True,
    ) -> None:
        super().__init__()
        block, counts = _STAGES[layers]
        first = scaled(64, width)
        stem = [(in_channels, first, 7, 2)]
        if deep_stem:
            stem = [(in_channels, first, 3, 2), (first, first, 3, 1), (first, 2 * first, 3, 1)]
        self._stem = range(1, len(stem) + 1)
        for number, (n_in, n_out, kernel, stride) in zip(self._stem, stem, strict=True):
            layer = conv(spatial_dims, n_in, n_out, kernel=kernel, stride=stride, bias=False)
            self.add_module(f"conv{number}", layer)
            self.add_module(f"bn{number}", norm_layer(norm, spatial_dims, n_out))
        self.maxpool = MAX_POOL[spatial_dims](3, stride=2, padding=1) if max_pool else nn.Identity()
        n_in = stem[-1][1]
        widths = [scaled(64 * 2**stage, width) for stage in range(4)]
        grids = [None, None, None, multi_grid]
        plan = _strides(counts, output_stride, grids)[:stages]
        for number, (stride, rates) in enumerate(plan, start=1):
            blocks = []
            for rate in rates:
                middle = widths[number - 1]
                blocks.append(block(spatial_dims, n_in, middle, stride, rate, norm))
                n_in, stride = middle * block.expansion, 1
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
        self._stages = range(1, stages + 1)
        self.channels = tuple(widths[number - 1] * block.expansion for number in self._stages)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the features of the stages, at strides 4, 8, 16, 32 or less.

        Features at stride s have ``(size - 1) // s + 1`` pixels, and pixel i is centred at pixel
        ``i * s`` of the image.
        """
        x = images
        for number in self._stem:
            x = self.get_submodule(f"conv{number}")(x)
            x = F.relu(self.get_submodule(f"bn{number}")(x), inplace=True)
        x = self.maxpool(x)
        features = []
        for number in self._stages:
            x = self.get_submodule(f"layer{number}")(x)
            features.append(x)
        return features


class BasicBlock(nn.Module):
    """Two 3×3 convolutions, to whose output the input is added.

    ``rates`` are the dilations of the first and the second convolution.
    """

    expansion = 1

    def __init__(
        self, dims: int, n_in: int, channels: int, stride: int, rates: Rates, norm: ResNetNorm
    ) -> None:
        super().__init__()
        first, second = rates
        self.conv1 = conv(dims, n_in, channels, stride=stride, dilation=first, bias=False)
        self.bn1 = norm_layer(norm, dims, channels)
        self.conv2 = conv(dims, channels, channels, dilation=second, bias=False)
        self.bn2 = norm_layer(norm, dims, channels)
        self.downsample = _shortcut(dims, n_in, channels, stride, norm)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, n_in, *size)`` to ``(N, channels, *size / stride)``."""
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        return F.relu(y + self.downsample(x), inplace=True)


class Bottleneck(nn.Module):
    """A 1×1, a 3×3 and a 1×1 convolution, to whose output the input is added.

    The first of ``rates`` is the dilation of the 3×3 convolution.
    """

    expansion = 4

    def __init__(
        self, dims: int, n_in: int, channels: int, stride: int, rates: Rates, norm: ResNetNorm
    ) -> None:
        super().__init__()
        n_out = channels * self.expansion
        self.conv1 = conv(dims, n_in, channels, kernel=1, bias=False)
        self.bn1 = norm_layer(norm, dims, channels)
        self.conv2 = conv(dims, channels, channels, stride=stride, dilation=rates[0], bias=False)
        self.bn2 = norm_layer(norm, dims, channels)
        self.conv3 = conv(dims, channels, n_out, kernel=1, bias=False)
        self.bn3 = norm_layer(norm, dims, n_out)
        self.downsample = _shortcut(dims, n_in, n_out, stride, norm)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, n_in, *size)`` to ``(N, 4 · channels, *size / stride)``."""
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        y = self.bn3(self.conv3(y))
        return F.relu(y + self.downsample(x), inplace=True)


_STAGES: dict[int, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, ...]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
}


def _strides(
    counts: Sequence[int], output_stride: int, grids: Sequence[tuple[int, int, int] | None]
) -> list[tuple[int, list[Rates]]]:
    """Return the stride of each stage, and the dilations of each of its blocks."""
    stages = []
    stride_so_far, rate = 4, 1
    for count, grid, nominal_stride in zip(counts, grids, (1, 2, 2, 2), strict=True):
        previous_rate, stride = rate, nominal_stride
        if stride_so_far * nominal_stride > output_stride:
            rate, stride = rate * nominal_stride, 1
        stride_so_far *= stride
        if grid is None:
            rates = [(previous_rate, rate)] + [(rate, rate)] * (count - 1)
        else:
            rates = [(rate * factor, rate * factor) for factor in grid[:count]]
        stages.append((stride, rates))
    return stages


def _shortcut(dims: int, n_in: int, n_out: int, stride: int, norm: ResNetNorm) -> nn.Module:
    if stride == 1 and n_in == n_out:
        return nn.Identity()
    projection = conv(dims, n_in, n_out, kernel=1, stride=stride, bias=False)
    return nn.Sequential(projection, norm_layer(norm, dims, n_out))
