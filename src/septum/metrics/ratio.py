"""Ratios of counts: nothing over nothing is NaN, and NaN is left out of means.

The formula of panoptic quality stands here, apart from the matching of segments: leaderboards
divide sums that were counted before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike


def ratio(numerator: float, denominator: float, empty: float = math.nan) -> float:
    """Return ``numerator / denominator``, or ``empty`` where the denominator is 0.

    Examples
    --------
    >>> ratio(1, 4), ratio(0, 0), ratio(0, 0, empty=0.0)
    (0.25, nan, 0.0)
    """
    return float(numerator) / float(denominator) if denominator else empty


def ratios(numerator: ArrayLike, denominator: ArrayLike) -> np.ndarray:
    """Return the element-wise ratio as float64, NaN where the denominator is 0.

    Examples
    --------
    >>> ratios([1, 0, 3], [4, 0, 3])
    array([0.25,  nan, 1.  ])
    """
    top = np.asarray(numerator, dtype=np.float64)
    bottom = np.asarray(denominator, dtype=np.float64)
    out = np.full(np.broadcast_shapes(top.shape, bottom.shape), np.nan)
    return np.divide(top, bottom, out=out, where=bottom != 0)


def mean(values: Iterable[float]) -> float:
    """Return the mean of the values that are not NaN; NaN where there is none.

    One that is infinite (a distance to nothing) makes the mean infinite.

    Examples
    --------
    >>> mean([1.0, float("nan"), 4.0]), mean([])
    (2.5, nan)
    """
    defined = [float(value) for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan


def means(values: ArrayLike, axis: int = -1) -> np.ndarray:
    """Return means along an axis of the values that are finite; NaN where there is none.

    Parameters
    ----------
    values : float array
    axis : int
        Which axis is averaged.

    Examples
    --------
    >>> means([[1.0, np.nan, 4.0], [np.nan, np.nan, np.nan]])
    array([2.5, nan])
    """
    values = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(values)
    return ratios(np.where(finite, values, 0).sum(axis=axis), finite.sum(axis=axis))


def qualities(iou_sum: ArrayLike, tp: ArrayLike, fp: ArrayLike, fn: ArrayLike) -> np.ndarray:
    """Return PQ, SQ and RQ from the sums that they are ratios of.

    Sums of cases, of resamples of cases, or of classes: whatever is added before it is divided.

    Parameters
    ----------
    iou_sum, tp, fp, fn : float arrays of one shape
        As the attributes of `septum.metrics.panoptic.ClassSums`; weighted sums need not be whole.

    Returns
    -------
    (..., 3) float64 array
        PQ, SQ and RQ on the last axis; NaN where nothing occurs, and SQ 0 without any match.

    Examples
    --------
    Two matches of IoU 0.9 and 0.7 and one object missed; nothing found; nothing there.

    >>> qualities([1.6, 0, 0], tp=[2, 0, 0], fp=[0, 0, 0], fn=[1, 1, 0]).round(3)
    array([[0.64, 0.8 , 0.8 ],
           [0.  , 0.  , 0.  ],
           [ nan,  nan,  nan]])
    """
    iou_sum, tp, fp, fn = (np.asarray(sums, np.float64) for sums in (iou_sum, tp, fp, fn))
    segments = tp + fp / 2 + fn / 2
    sq = np.where(segments > 0, np.nan_to_num(ratios(iou_sum, tp)), np.nan)
    return np.stack([ratios(iou_sum, segments), sq, ratios(tp, segments)], axis=-1)
