"""Distances between surfaces, in physical units.

The surface of a mask is its pixels with a face neighbour outside it, the frame's outside
included (MONAI's and DeepMind's edge of a mask). From each surface pixel the Euclidean
distance, between pixel centres, to the nearest one of the other surface is taken.

- HD95 is the larger of the two directed 95th percentiles, as in MONAI and DeepMind's
  surface-distance. A percentile of both directions pooled (medpy) lets a large, well-fitting
  surface outvote the bad side, which is what the Hausdorff distance is there to show.
- ASSD, the average symmetric surface distance, is the mean over the pixels of both surfaces
  together (Heimann et al., IEEE TMI 2009, and MONAI); medpy averages the two directed means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from septum.errors import problem


@dataclass(frozen=True)
class SurfaceDistances:
    """Distances from each surface to the other.

    Attributes
    ----------
    true_to_pred, pred_to_true : (n,) and (m,) float64 arrays
        In units of the spacing; infinite where the other surface is empty.
    """

    true_to_pred: np.ndarray
    pred_to_true: np.ndarray

    def hausdorff(self, percentile: float = 95.0) -> float:
        """Return the larger directed percentile; NaN for two empty masks, infinite for one."""
        directed = (self.true_to_pred, self.pred_to_true)
        if not sum(distances.size for distances in directed):
            return float("nan")
        if not all(distances.size for distances in directed):
            return float("inf")
        return max(float(np.percentile(distances, percentile)) for distances in directed)

    def average(self) -> float:
        """Return the ASSD; NaN for two empty masks, infinite for one."""
        distances = np.concatenate([self.true_to_pred, self.pred_to_true])
        return float(distances.mean()) if distances.size else float("nan")


def surface_distances(
    true: np.ndarray, pred: np.ndarray, spacing: Sequence[float] | None = None
) -> SurfaceDistances:
    """Measure how far the surfaces of two masks are apart.

    Parameters
    ----------
    true, pred : arrays of one shape, any number of axes
        Masks: what is not 0 is inside.
    spacing : sequence of float, optional
        Size of a pixel along each axis; 1 by default.

    Raises
    ------
    SeptumError
        Where shapes or the number of axes differ.

    Examples
    --------
    Runs from pixel 1 to 3 and from pixel 1 to 5: their first ends meet, the others lie 2 apart.

    >>> true = np.array([0, 1, 1, 1, 0, 0, 0])
    >>> pred = np.array([0, 1, 1, 1, 1, 1, 0])
    >>> distances = surface_distances(true, pred)
    >>> distances.true_to_pred, distances.pred_to_true
    (array([0., 2.]), array([0., 2.]))
    >>> distances.average(), surface_distances(true, pred, spacing=[0.5]).hausdorff(100)
    (1.0, 1.0)
    """
    true, pred = np.asarray(true) != 0, np.asarray(pred) != 0
    spacing = (1.0,) * true.ndim if spacing is None else tuple(spacing)
    if true.shape != pred.shape or len(spacing) != true.ndim:
        what = f"shapes {true.shape} and {pred.shape} with a spacing of {len(spacing)} values"
        raise problem("surface distance", what, "give two masks of one grid and its spacing")
    box = _bounding_box(true | pred)
    true, pred = _surface(true[box]), _surface(pred[box])
    return SurfaceDistances(
        _nearest(true, pred, np.asarray(spacing)), _nearest(pred, true, np.asarray(spacing))
    )


def _bounding_box(mask: np.ndarray) -> tuple[slice, ...]:
    box = []
    for axis in range(mask.ndim):
        others = tuple(i for i in range(mask.ndim) if i != axis)
        hit = np.flatnonzero(mask.any(axis=others))
        box.append(slice(hit[0], hit[-1] + 1) if hit.size else slice(0, 0))
    return tuple(box)


def _surface(mask: np.ndarray) -> np.ndarray:
    """Return the pixels of a mask that have a face neighbour outside it."""
    padded = np.pad(mask, 1)
    inside = mask.copy()
    core = [slice(1, -1)] * mask.ndim
    for axis in range(mask.ndim):
        for shifted in (slice(0, -2), slice(2, None)):
            inside &= padded[(*core[:axis], shifted, *core[axis + 1 :])]
    return mask & ~inside


def _nearest(start: np.ndarray, goal: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Return the distance from each pixel of one surface to the nearest of the other."""
    points = np.argwhere(start)
    if not goal.any():
        return np.full(len(points), np.inf)
    distances = np.zeros(len(points))
    # pixels of both surfaces are at distance 0, and often they are most
    apart = ~goal[start]
    if apart.any():
        tree = cKDTree(np.argwhere(goal) * spacing, leafsize=32)
        distances[apart] = tree.query(points[apart] * spacing)[0]
    return distances
