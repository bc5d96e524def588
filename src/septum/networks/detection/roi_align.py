"""RoIAlign: features of boxes at exact coordinates, in any number of dimensions.

He, Gkioxari, Dollár, Girshick, "Mask R-CNN", ICCV 2017, https://arxiv.org/abs/1703.06870,
section 3: each box is divided into bins, and the features are interpolated (bi- or trilinearly)
at regularly sampled points of each bin and averaged. Nothing is rounded.

Departures from the paper: none. Feature k lies at the middle of its pixel (``aligned`` in
detectron2, whose authors found the original to be off by half a pixel).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor


def roi_align(
    features: Tensor,
    boxes: Tensor,
    images: Tensor,
    size: Sequence[int],
    *,
    scale: float | Sequence[float] = 1.0,
    sampling_ratio: int = 2,
    aligned: bool = True,
) -> Tensor:
    """Return the features of each box on a grid of bins.

    Parameters
    ----------
    features : (N, C, *spatial) float tensor
        Features of one level, of a batch of N images.
    boxes : (R, 2 * axes) float tensor
        Start and end along each axis, in pixels of the image.
    images : (R,) int64 tensor
        Index of the image of each box in the batch.
    size : sequence of int
        Number of bins along each axis.
    scale : float, or one for each axis
        Pixels of ``features`` for each pixel of the image, such as 0.25 at stride 4.
    sampling_ratio : int
        Sample points of a bin along each axis.
    aligned : bool
        Whether feature k lies at k + 0.5 (the middle of its pixel), as in all networks of this
        package. Otherwise it lies at k, and boxes smaller than a feature are enlarged to one, as
        in torchvision's trained networks.

    Returns
    -------
    (R, C, *size) tensor
        Features of the type of ``features``. Points more than one feature outside the map are 0,
        and points closer to it have the value of the border.

    Notes
    -----
    Each bin is computed as a weighted sum of a few rows of a table of features (all pixels ×
    channels), so that features are not copied for each sample point, and gradients are sparse
    sums.
    """
    axes = features.ndim - 2
    if boxes.shape[1:] != (2 * axes,) or len(size) != axes:
        raise ValueError(
            f"{axes} axes need boxes (n, {2 * axes}) and {axes} sizes, "
            f"not boxes {tuple(boxes.shape)} and sizes {tuple(size)}"
        )
    spatial, count = features.shape[2:], len(boxes)
    if count == 0:
        return features.new_zeros(0, features.shape[1], *size)
    scales = torch.as_tensor(scale, dtype=torch.float64, device=boxes.device).expand(axes)
    corners = boxes.double().unflatten(1, (2, axes)) * scales - (0.5 if aligned else 0.0)
    starts, lengths = corners[:, 0], corners[:, 1] - corners[:, 0]
    if not aligned:
        lengths = lengths.clamp(min=1.0)
    samples = [
        _along_axis(starts[:, a], lengths[:, a], size[a], sampling_ratio, spatial[a])
        for a in range(axes)
    ]
    # the outer product over axes: (R, bins, points) with all bins and all points in one axis each
    index = images.reshape(-1, 1, 1)
    weight = features.new_ones(count, 1, 1, dtype=torch.float64)
    for (indices, weights), extent in zip(samples, spatial, strict=True):
        index = (index * extent)[:, :, None, :, None] + indices[:, None, :, None, :]
        weight = weight[:, :, None, :, None] * weights[:, None, :, None, :]
        index = index.flatten(3).flatten(1, 2)
        weight = weight.flatten(3).flatten(1, 2)
    table = features.movedim(1, -1).flatten(0, -2)
    bins = F.embedding_bag(
        index.flatten(0, 1),
        table,
        per_sample_weights=weight.flatten(0, 1).to(table.dtype),
        mode="sum",
    )
    return bins.reshape(count, prod(size), -1).movedim(2, 1).unflatten(2, tuple(size))


def _along_axis(
    starts: Tensor, lengths: Tensor, bins: int, ratio: int, extent: int
) -> tuple[Tensor, Tensor]:
    """Return the indices and weights of the features whose sum is a bin, along one axis.

    Returns
    -------
    indices : (R, bins, 2 * ratio) int64 tensor
    weights : (R, bins, 2 * ratio) float64 tensor
        Weights, which sum to 1 if all points are inside.
    """
    steps = torch.arange(bins * ratio, dtype=torch.float64, device=starts.device)
    points = starts[:, None] + (steps + 0.5) * (lengths[:, None] / (bins * ratio))
    inside = (points >= -1) & (points <= extent)
    points = points.clamp(0, extent - 1)
    low = points.floor().long().clamp(max=max(extent - 2, 0))
    high = (low + 1).clamp(max=extent - 1)
    share = points - low
    weights = torch.stack([1 - share, share], dim=-1) * inside[..., None] / ratio
    indices = torch.stack([low, high], dim=-1)
    shape = (len(starts), bins, 2 * ratio)
    return indices.reshape(shape), weights.reshape(shape)
