"""The convolutions of VGG-16, which are the encoder of FCN, SegNet and DeepLabv2.

Simonyan, Zisserman, ICLR 2015, https://arxiv.org/abs/1409.1556 (configuration D). With batch
normalisation this is torchvision's ``vgg16_bn``.

Names in the state dict are those of torchvision (``features.0.weight``, …), whose checkpoints
fit.

Departures from the paper: the fully connected layers are left out (FCN adds them as
convolutions). Poolings round sizes up, as in the Caffe implementations of FCN and SegNet, whereas
torchvision rounds down, so that images of any size keep their last row and column.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from septum.networks.blocks import MAX_POOL, conv, norm_layer

# the first level needs at least one channel; the upper bound rejects numbers of channels such as
# 64, the width of a U-Net
Width = Annotated[float, Field(ge=1 / 64, le=8)]

LEVELS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and number of convolutions of each level."""


def scaled(channels: int, width: float) -> int:
    """Return a number of channels times a width multiplier, at least 1."""
    return max(1, round(channels * width))


class VGG(nn.Module):
    """The thirteen convolutions of VGG-16, in five levels that each end with a pooling.

    Weights are initialised by the network that has this encoder.

    Parameters
    ----------
    spatial_dims, in_channels : int
    norm : bool
        Use batch normalisation after each convolution (vgg16_bn). Convolutions keep their
        biases, although they have no effect then, since published weights have them.
    width : float
        Multiplier of all numbers of channels.

    Attributes
    ----------
    channels : tuple of int
        Numbers of channels of the five levels.
    features : nn.Sequential
        All layers, numbered as in torchvision.
    """

    def __init__(
        self, spatial_dims: int, in_channels: int, *, norm: bool = False, width: float = 1.0
    ) -> None:
        super().__init__()
        self.channels = tuple(scaled(channels, width) for channels, _ in LEVELS)
        layers: list[nn.Module] = []
        self._ends = [0]
        n_in = in_channels
        for n_out, (_, convolutions) in zip(self.channels, LEVELS, strict=True):
            for _ in range(convolutions):
                layers.append(conv(spatial_dims, n_in, n_out))
                if norm:
                    layers.append(norm_layer("batch", spatial_dims, n_out))
                layers.append(nn.ReLU(inplace=True))
                n_in = n_out
            layers.append(MAX_POOL[spatial_dims](2, ceil_mode=True))
            self._ends.append(len(layers))
        self.features = nn.Sequential(*layers)

    def levels(self) -> Iterator[tuple[nn.Module, nn.Module]]:
        """Yield the convolutions of each level (with their ReLUs) and its pooling."""
        for start, end in pairwise(self._ends):
            yield self.features[start : end - 1], self.features[end - 1]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map images ``(N, in_channels, *size)`` to the pooled features of each level.

        Returns
        -------
        list of Tensor
            ``(N, channels[i], *ceil(size / 2^(i + 1)))`` for the five levels.
        """
        x, pooled = images, []
        for block, pool in self.levels():
            x = pool(block(x))
            pooled.append(x)
        return pooled
