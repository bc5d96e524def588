"""Ratios of counts: nothing over nothing is NaN, and NaN is left out of means."""

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
