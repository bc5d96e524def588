"""Encoding of boxes relative to reference boxes (anchors, proposals), as networks regress them.

Girshick et al., "Rich feature hierarchies" (R-CNN), CVPR 2014, https://arxiv.org/abs/1311.2524,
appendix C, in any number of dimensions: the shift of the centre in units of the reference's
size, and the logarithm of the ratio of the sizes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

# largest logarithm of an enlargement, so that the exp() of an untrained network's output is finite
MAX_LOG_SCALE = math.log(1000 / 16)


def encode(boxes: Tensor, references: Tensor, weights: tuple[float, float]) -> Tensor:
    """Encode boxes relative to references.

    Parameters
    ----------
    boxes, references : (n, 2 * axes) float tensor
        Start along each axis, then end along each axis. The references must not be empty.
    weights : (float, float)
        Factors on the shifts and on the logarithms, which bring them to similar variance.

    Returns
    -------
    (n, 2 * axes) float tensor
        Shift along each axis, then logarithm along each axis.
    """
    centres, sizes = _centres(boxes)
    at, extent = _centres(references)
    shifts = (centres - at) / extent * weights[0]
    return torch.cat([shifts, (sizes / extent).log() * weights[1]], dim=1)


def decode(codes: Tensor, references: Tensor, weights: tuple[float, float]) -> Tensor:
    """Decode codes (n, 2 * axes) to boxes: the inverse of `encode`."""
    axes = codes.shape[1] // 2
    at, extent = _centres(references)
    centres = at + codes[:, :axes] / weights[0] * extent
    half = (codes[:, axes:] / weights[1]).clamp(max=MAX_LOG_SCALE).exp() * extent / 2
    return torch.cat([centres - half, centres + half], dim=1)


def clip(boxes: Tensor, size: Sequence[int]) -> Tensor:
    """Return the part of each box (n, 2 * axes) that lies in an image of this size."""
    image_box = [0] * len(size) + list(size)
    return part(boxes, torch.tensor(image_box, dtype=boxes.dtype, device=boxes.device))


def part(boxes: Tensor, region: Tensor) -> Tensor:
    """Return the part of each box (n, 2 * axes) that lies in a region (2 * axes,)."""
    low, high = region.chunk(2)
    return torch.minimum(torch.maximum(boxes, low.repeat(2)), high.repeat(2))


def iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Return the IoU (n, m) of boxes (n, 2 * axes) and others (m, 2 * axes).

    All pairs are held in memory, so that this is for the few objects of a patch.
    """
    axes = boxes.shape[1] // 2
    start = torch.maximum(boxes[:, None, :axes], others[:, :axes])
    stop = torch.minimum(boxes[:, None, axes:], others[:, axes:])
    shared = (stop - start).clamp(min=0).prod(dim=2)
    total = extents(boxes).prod(dim=1)[:, None] + extents(others).prod(dim=1)
    return shared / (total - shared)


def extents(boxes: Tensor) -> Tensor:
    """Return the size (n, axes) of boxes along each axis."""
    axes = boxes.shape[1] // 2
    return boxes[:, axes:] - boxes[:, :axes]


def _centres(boxes: Tensor) -> tuple[Tensor, Tensor]:
    sizes = extents(boxes)
    return boxes[:, : sizes.shape[1]] + sizes / 2, sizes
