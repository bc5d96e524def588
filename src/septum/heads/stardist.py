"""The StarDist head: classes, and star-convex objects.

In every pixel, the network predicts the depth in the object and the distances to the border of
the object along rays.

Schmidt, Weigert, Broaddus, Myers, *Cell detection with star-convex polygons*, MICCAI 2018,
https://arxiv.org/abs/1806.03535; in 3-D: Weigert et al., WACV 2020,
https://arxiv.org/abs/1908.03636. Objects are decoded by `septum.decoding.stars`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor

from septum.heads.base import Regression, RegressionHead
from septum.instances.relative_depth import relative_depth
from septum.jit import compiled
from septum.losses.logits import binary_cross_entropy

RAYS = {2: 32, 3: 96}
"""Number of rays by the number of axes, as in the papers."""
RAY_WEIGHT = 0.2
"""Weight of the rays' loss beside that of the probability, as in the StarDist paper."""


class Stars(Regression):
    """Star-convex objects: probability, and the lengths of rays."""

    @staticmethod
    def channels(spatial_dims: int) -> int:
        """Return 1 + the number of rays."""
        return 1 + RAYS[spatial_dims]

    @staticmethod
    def target(instance: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
        """Return probability and lengths (see `Regression.target`)."""
        return star_targets(instance, spacing)

    @staticmethod
    def losses(outputs: Tensor, target: Tensor, valid: Tensor) -> dict[str, Tensor]:
        """Return ``probability``, and ``rays``: absolute error, weighted by the probability."""
        probability = target[:, 0] * valid
        errors = (outputs[:, 1:].float() - target[:, 1:]).abs().mean(1)
        rays = (errors * probability).sum() / probability.sum().clamp(min=1)
        return {
            "probability": binary_cross_entropy(outputs[:, 0], target[:, 0], valid),
            "rays": RAY_WEIGHT * rays,
        }

    @staticmethod
    def activate(outputs: Tensor) -> Tensor:
        """Return the probability between 0 and 1, and the lengths as they are."""
        return torch.cat([torch.sigmoid(outputs[:, :1]), outputs[:, 1:]], dim=1)

    @staticmethod
    def undo_symmetry(
        spatial_dims: int, order: Sequence[int], flips: Sequence[int]
    ) -> tuple[list[int], list[float]] | None:
        """Return the permutation of the rays; None if rays are not mapped to rays."""
        rays = directions(spatial_dims)
        turned = _turned(rays, order, flips)
        likeness = turned @ rays.T
        index = likeness.argmax(axis=1)
        if likeness.max(axis=1).min() < 1 - 1e-6:
            return None
        return [0, *(1 + int(k) for k in index)], [1.0] * (1 + len(rays))


class StarDistHead(RegressionHead):
    """Background, classes, and star-convex polygons or polyhedra (`Stars`)."""

    regression = Stars


@cache
def directions(ndim: int) -> np.ndarray:
    """Return the unit vectors of the rays, (RAYS[ndim], ndim), float64.

    Evenly spaced angles in 2-D, beginning at the second axis and turning towards the first; a
    Fibonacci lattice on the sphere in 3-D.
    """
    n = RAYS[ndim]
    index = np.arange(n)
    if ndim == 2:
        angle = 2 * math.pi * index / n
        return np.stack([np.sin(angle), np.cos(angle)], axis=1)
    golden = math.pi * (3 - math.sqrt(5))
    along = -1 + (2 * index + 1) / n
    radius = np.sqrt(1 - along**2)
    return np.stack([along, radius * np.sin(golden * index), radius * np.cos(golden * index)], 1)


def star_targets(instance: np.ndarray, spacing: Sequence[float] | None = None) -> np.ndarray:
    """Return the target maps of star-convex objects.

    Parameters
    ----------
    instance : (*spatial) integer array
        2-D or 3-D instance ids, 0 for none, -1 outside the image.
    spacing : sequence of float, optional
        Size of a pixel along each axis, by default 1.

    Returns
    -------
    (1 + RAYS[ndim], *spatial) float32 array
        The probability, which is 0 outside objects and 1 where an object is thickest, and the
        lengths of the rays of `directions`, in units of the smallest spacing, 0 outside objects.
        A ray leads from the centre of its pixel to the border of the object or the image.
    """
    instance = np.ascontiguousarray(instance, np.int64)
    if spacing is None:
        spacing = (1.0,) * instance.ndim
    targets = np.zeros((1 + RAYS[instance.ndim], *instance.shape), np.float32)
    targets[0] = relative_depth(instance, spacing)
    shape = np.array(instance.shape)
    rays = _in_pixels(spacing)
    _measure(instance.ravel(), shape, rays, targets[1:].reshape(len(rays), -1))
    return targets


def _in_pixels(spacing: Sequence[float]) -> np.ndarray:
    """Return steps of one smallest spacing along the rays, in pixels of each axis."""
    return directions(len(spacing)) * (min(spacing) / np.asarray(spacing))


@compiled
def _measure(labels: np.ndarray, shape: np.ndarray, rays: np.ndarray, lengths: np.ndarray) -> None:
    """Follow every ray of every object pixel from pixel to pixel until the object ends.

    Parameters
    ----------
    labels : (size,) int64
    shape : (ndim,)
    rays : (R, ndim) pixels along each axis for one unit of length
    lengths : (R, size) float32, written
    """
    ndim = len(shape)
    strides = np.ones(ndim, np.int64)
    for axis in range(ndim - 2, -1, -1):
        strides[axis] = strides[axis + 1] * shape[axis + 1]
    place, start = np.empty(ndim, np.int64), np.empty(ndim, np.int64)
    crossing = np.empty(ndim)  # length at which the ray next enters a new pixel along an axis
    for pixel in range(len(labels)):
        if labels[pixel] <= 0:
            continue
        for axis in range(ndim):
            start[axis] = pixel // strides[axis] % shape[axis]
        for ray in range(len(rays)):
            for axis in range(ndim):
                place[axis] = start[axis]
                crossing[axis] = 0.5 / abs(rays[ray, axis])
            index, length = pixel, 0.0
            while True:
                axis = 0
                for candidate in range(1, ndim):
                    if crossing[candidate] < crossing[axis]:
                        axis = candidate
                length = crossing[axis]
                crossing[axis] += 1.0 / abs(rays[ray, axis])
                step = 1 if rays[ray, axis] > 0 else -1
                place[axis] += step
                index += step * strides[axis]
                if place[axis] < 0 or place[axis] >= shape[axis] or labels[index] != labels[pixel]:
                    break
            lengths[ray, pixel] = length


def _turned(vectors: np.ndarray, order: Sequence[int], flips: Sequence[int]) -> np.ndarray:
    """Return the directions of vectors (n, ndim) in the rotated or mirrored image."""
    turned = vectors[:, list(order)].copy()
    turned[:, list(flips)] *= -1
    return turned
