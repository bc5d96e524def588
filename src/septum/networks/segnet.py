"""SegNet: a decoder that returns features to the positions of the pooled maxima.

Badrinarayanan, Kendall, Cipolla, PAMI 2017, https://arxiv.org/abs/1511.00561.

With the defaults this is the authors' network (segnet_train.prototxt). It has the convolutions of
VGG-16 with batch normalisation, a decoder that mirrors them, and a last convolution without
normalisation and ReLU, and 29,449,355 parameters for three channels and eleven classes. Poolings
round sizes up, and each unpooling restores the size before its pooling, so that images may have
any size.

Departures from the paper: none with the defaults; ``width`` multiplies the numbers of channels.
The paper's class weights (median frequency) are not part of the network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from septum.networks.blocks import MAX_POOL, Network, conv, initialise, norm_layer
from septum.networks.vgg import LEVELS, VGG, Width


class SegNet(Network):
    """SegNet with the encoder vgg16_bn, for images of at least 17 pixels along each axis.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    width : float
        Multiplier of all numbers of channels.
    """

    stride = 32
    # the lowest convolutions then have 2 pixels: batch normalisation needs more than one value
    _least_size = 17

    def __init__(
        self, spatial_dims: int, in_channels: int, out_channels: int, *, width: Width = 1.0
    ) -> None:
        super().__init__()
        self.backbone = VGG(spatial_dims, in_channels, norm=True, width=width)
        self.pool = MAX_POOL[spatial_dims](2, ceil_mode=True, return_indices=True)
        channels = self.backbone.channels
        self.decoder = nn.ModuleList()
        for level in reversed(range(len(LEVELS))):
            # the last convolution of a level has the channels of the level above
            above = channels[max(level - 1, 0)]
            widths = [channels[level]] * LEVELS[level][1] + [above]
            layers: list[nn.Module] = []
            for n_in, n_out in pairwise(widths):
                layers += [
                    conv(spatial_dims, n_in, n_out),
                    norm_layer("batch", spatial_dims, n_out),
                    nn.ReLU(inplace=True),
                ]
            self.decoder.append(nn.Sequential(*layers))
        # replaced by the convolution that gives the logits, without normalisation and ReLU
        self.decoder[-1] = self.decoder[-1][:-3]
        self.logits = conv(spatial_dims, channels[0], out_channels)
        initialise(self)

    def legal_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """Return ``size``, with axes of at least 17 pixels."""
        return tuple(max(s, self._least_size) for s in size)

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, in_channels, *size)`` to logits ``(N, out_channels, *size)``."""
        self.require_legal(images)
        x, pooled = images, []
        for block, _ in self.backbone.levels():
            x = block(x)
            size = x.shape[2:]
            x, indices = self.pool(x)
            pooled.append((indices, size))
        for block in self.decoder:
            x = block(unpool(x, *pooled.pop()))
        return self.logits(x)


def unpool(x: Tensor, indices: Tensor, size: Sequence[int]) -> Tensor:
    """Place values at the positions of the maxima of a max-pooling, with zeros elsewhere.

    This is torch's MaxUnpool for any number of axes, and it is deterministic on a GPU.

    Parameters
    ----------
    x : Tensor, (N, C, *pooled)
    indices : Tensor of int64, (N, C, *pooled)
        Indices of the maxima within the flattened axes of ``size``, as returned by the pooling.
        Its windows must not overlap, so that no index occurs twice.
    size : sequence of int
        Size before the pooling.

    Returns
    -------
    Tensor, (N, C, *size)
    """
    flat = x.new_zeros(*x.shape[:2], math.prod(size))
    return flat.scatter(2, indices.flatten(2), x.flatten(2)).unflatten(2, tuple(size))
