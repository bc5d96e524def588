"""The receptive field of a network, measured."""

from __future__ import annotations

import math
from bisect import bisect_left
from functools import cache

import torch
from torch import nn

from septum.networks.blocks import Network

MAX_LENGTH_PX = 4096


def receptive_field(network: Network) -> int | None:
    """Return how many pixels, along an axis, a logit depends on; None: all there are.

    The largest of as many neighbouring logits, at the centre, as the stride has pixels, for
    poolings make them differ. Statistics of a normalisation over the image do not count; a
    weight that happens to be zero does. Max-unpooling puts features where the maxima of this
    one image are, so that the field may come out a few per cent too small. A field of more than
    `MAX_LENGTH_PX` pixels is taken for the whole image.

    Parameters
    ----------
    network : Network
        Of 2 dimensions and one channel; changed. Its width does not matter to the result, nor
        would more dimensions.
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

    Not-a-number spreads to whatever is computed from it: all columns up to a place (or from a
    place on) are made so, and the place is searched where the logit is hit first. The strip is
    as low as the network allows.
    """
    size = network.legal_size((1, length))
    images = torch.rand(1, 1, *size, dtype=torch.float64)

    @cache
    def hit(first: int, after: int) -> list[bool]:
        marked = images.clone()
        marked[..., first:after] = math.nan
        logits = network(marked)[0, 0]
        row = logits[logits.shape[0] // 2].isnan()
        return row.narrow(0, (len(row) - network.stride) // 2, network.stride).tolist()

    largest, n = 0, size[1]
    for logit in range(network.stride):
        first = bisect_left(range(n), True, key=lambda c, i=logit: hit(0, c + 1)[i])
        after = bisect_left(range(n), True, key=lambda c, i=logit: not hit(c, n)[i])
        if first == 0 or after == n:
            return None
        largest = max(largest, after - first)
    return largest
