"""Ratios of counts: nothing over nothing is NaN, and NaN is left out of means."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike


def ratio(numerator: float, denominator: float, empty: float = math.nan) -> float:
    """Return ``numerator / denominator``, or ``empty`` where the denominator is 0."""
    return float(numerator) / float(denominator) if denominator else empty


def ratios(numerator: ArrayLike, denominator: ArrayLike) -> np.ndarray:
    """Return the element-wise ratio as float64, NaN where the denominator is 0."""
    top = np.asarray(numerator, dtype=np.float64)
    bottom = np.asarray(denominator, dtype=np.float64)
    out = np.full(np.broadcast_shapes(top.shape, bottom.shape), np.nan)
    return np.divide(top, bottom, out=out, where=bottom != 0)


def mean(values: Iterable[float]) -> float:
    """Return the mean of the values that are not NaN; NaN where there is none.

    One that is infinite (a distance to nothing) makes the mean infinite.
    """
    defined = [float(value) for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan
