"""Measurement of the receptive field of a network."""

from __future__ import annotations

import math
from bisect import bisect_left
from functools import cache

import torch
from torch import nn

from septum.networks.blocks import Network

MAX_LENGTH_PX = 4096


def receptive_field(network: Network) -> int | None:
    """Return the number of pixels along an axis that a logit depends on.

    Since poolings make receptive fields vary with position, this is the largest one of as many
    neighbouring logits at the centre as the stride has pixels. Dependence through statistics of
    a normalisation over the image is not counted, and dependence through weights of zero is.
    Max-unpooling places features at the maxima of a particular image, so that the result may be
    a few per cent too small.

    Parameters
    ----------
    network : Network
        Network with 2 dimensions and one channel, which is changed. The result is independent
        of its width and number of dimensions.

    Returns
    -------
    int or None
        None for the whole image, which is assumed for more than `MAX_LENGTH_PX` pixels.
    """
    network.double().eval()
    for module in list(network.modules()):
        for key, child in module.named_children():
            if isinstance(child, nn.InstanceNorm2d | nn.GroupNorm):
                setattr(module, key, nn.Identity())
    for length in (512, 1024, 2048, MAX_LENGTH_PX):
        field = _field(network, length)
        if field is not None:
            return field
    return None


@torch.no_grad()
def _field(network: Network, length: int) -> int | None:
    """Return the largest field of the central logits of a strip; None if one reaches its ends.

    NaN propagates to all values that depend on it. The ends of the field of a logit are found by
    bisection: all columns up to (or from) a position are set to NaN, and the position at which
    the logit becomes NaN is searched. The strip is as low as the network allows.
    """
    size = network.legal_size((1, length))
    images = torch.rand(1, 1, *size, dtype=torch.float64)

    @cache
    def is_nan(first: int, after: int) -> list[bool]:
        marked = images.clone()
        marked[..., first:after] = math.nan
        logits = network(marked)[0, 0]
        row = logits[logits.shape[0] // 2].isnan()
        return row.narrow(0, (len(row) - network.stride) // 2, network.stride).tolist()

    largest, n = 0, size[1]
    for logit in range(network.stride):
        first = bisect_left(range(n), True, key=lambda c, i=logit: is_nan(0, c + 1)[i])
        after = bisect_left(range(n), True, key=lambda c, i=logit: not is_nan(c, n)[i])
        if first == 0 or after == n:
            return None
        largest = max(largest, after - first)
    return largest
