"""Anchors: the reference boxes of a region proposal network, at every feature of a pyramid.

Ren, He, Girshick, Sun, "Faster R-CNN", NeurIPS 2015, https://arxiv.org/abs/1506.01497, on the
levels of a feature pyramid as in Lin et al., CVPR 2017, https://arxiv.org/abs/1612.03144: one
size for each level, in several shapes.

In any number of dimensions, a ratio r other than 1 stands for one shape for each axis, which is r
times as long along that axis as along the others and has the same volume. In 2-D the ratios 1
and 2 are the papers' 1:1, 2:1 and 1:2. Along an axis with longer voxels all shapes are shorter.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def shapes(
    size: float, ratios: Sequence[float], proportions: Sequence[float]
) -> list[tuple[float, ...]]:
    """Return the extents of the anchors of one level.

    Parameters
    ----------
    size : float
    ratios : sequence of float
    proportions : sequence of float
        Extent of an anchor of ratio 1 along each axis, in units of ``size``. All anchors have its
        volume.
    """
    axes = len(proportions)
    extents = []
    for ratio in ratios:
        across = size * ratio ** (-1 / axes)
        for long in range(1 if ratio == 1 else axes):
            shape = [across * ratio if a == long else across for a in range(axes)]
            extents.append(tuple(n * share for n, share in zip(shape, proportions, strict=True)))
    return extents


def n_shapes(ratios: Sequence[float], axes: int) -> int:
    """Return the number of anchors of a feature."""
    return len(shapes(1.0, ratios, (1.0,) * axes))


def anchors(
    spatial: Sequence[int],
    stride: int,
    size: float,
    ratios: Sequence[float],
    proportions: Sequence[float],
    device: torch.device,
) -> Tensor:
    """Return the anchors of a level.

    Parameters
    ----------
    spatial : sequence of int
        Number of features along each axis; feature i lies at the pixel ``i * stride`` of the
        image (`septum.networks.resnet`).
    stride : int
    size : float
        Size of the anchors in pixels.
    ratios, proportions : sequence of float
        As in `shapes`.
    device : torch.device

    Returns
    -------
    (features * shapes, 2 * axes) float32 tensor
        Boxes in pixels of the image, features in raster order, all shapes of a feature together.
    """
    axes = len(spatial)
    places = [torch.arange(n, device=device) * stride + 0.5 for n in spatial]
    centres = torch.stack(torch.meshgrid(*places, indexing="ij"), dim=-1).reshape(-1, 1, axes)
    half = torch.tensor(shapes(size, ratios, proportions), device=device) / 2
    return torch.cat([centres - half, centres + half], dim=2).reshape(-1, 2 * axes)
