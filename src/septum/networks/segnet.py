"""SegNet: a decoder that puts features back where max-pooling took them from.

Badrinarayanan, Kendall, Cipolla, PAMI 2017, https://arxiv.org/abs/1511.00561.

With the defaults this is the authors' network (segnet_train.prototxt): the convolutions of
VGG-16 with batch normalisation, their mirror image as the decoder, a convolution without
normalisation and ReLU at the end; 29,449,355 parameters for three channels and eleven classes.
Poolings round sizes up, and each unpooling goes back to the size before its pooling, so that
images may have any size.

Departures from the paper: none with the defaults; ``width`` multiplies the channels. The
paper's class weights (median frequency) are a matter of training.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from septum.networks.blocks import MAX_POOL, Network, conv, initialise, norm_layer
from septum.networks.vgg import LEVELS, VGG, Width


class SegNet(Network):
    """SegNet with the encoder vgg16_bn, on images of any size from 17 pixels.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    width : float
        Multiplier of all numbers of channels.
    """

    stride = 32
    # 2 pixels at the lowest convolutions, whose batch normalisation needs more than one value
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
            # the last convolution of a level goes to the channels of the level above it
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
        # the very last convolution gives the logits instead, without normalisation and ReLU
        self.decoder[-1] = self.decoder[-1][:-3]
        self.logits = conv(spatial_dims, channels[0], out_channels)
        initialise(self)

    def legal_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """Return ``size``, an axis under 17 pixels raised to 17."""
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
    """Undo a max-pooling: each value where its maximum was, zero elsewhere.

    The same as torch's MaxUnpool, for any number of axes, and deterministic on a GPU.

    Parameters
    ----------
    x : Tensor, (N, C, *pooled)
    indices : Tensor of int64, (N, C, *pooled)
        Of the maxima within the flattened axes of ``size``, as the pooling returned them. No
        index may occur twice (windows that do not overlap).
    size : sequence of int
        Before the pooling.

    Returns
    -------
    Tensor, (N, C, *size)
    """
    flat = x.new_zeros(*x.shape[:2], math.prod(size))
    return flat.scatter(2, indices.flatten(2), x.flatten(2)).unflatten(2, tuple(size))
