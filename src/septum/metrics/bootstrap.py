"""Percentile bootstrap over cases (Efron and Tibshirani, "An Introduction to the Bootstrap").

A resample draws as many cases as there are, with replacement. It is kept as how often each case
was drawn, so that a mean over a resample is a weighted mean, and a pooled ratio a ratio of
weighted sums. Cases are drawn, not objects: objects of one image are alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from septum.metrics.ratio import ratios
from septum.seeds import rng

LOW, HIGH = 2.5, 97.5


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; NaN where undefined."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return bool(self.low > 0 or self.high < 0)


def resample(count: int, names: Sequence[str], *seed: object) -> np.ndarray:
    """Return how often each case is drawn in each resample.

    The draw follows from the seed and the names: networks scored on the same cases get the
    same resamples, so that differences between them are paired.

    Parameters
    ----------
    count : int
        Resamples.
    names : sequence of str
        The cases.
    seed : objects
        What the draw is for.

    Returns
    -------
    (count, len(names)) float array

    Examples
    --------
    >>> resample(100, ["a", "b", "c"], 0).sum(axis=1).tolist() == [3.0] * 100
    True
    """
    n = len(names)
    draws = rng("bootstrap", *seed, *names).multinomial(n, np.full(n, 1 / n), size=count)
    return draws.astype(float)


def weighted_means(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted means of finite values.

    Parameters
    ----------
    values : (n, k) float array
        NaN (undefined) and infinite ones are left out; the leaderboard counts them.
    weights : (b, n) float array

    Returns
    -------
    (b, k) float array
        NaN where nothing is left.

    Examples
    --------
    >>> values = np.array([[1.0, np.nan], [4.0, 2.0]])
    >>> weighted_means(values, np.array([[1.0, 1.0], [2.0, 0.0]]))
    array([[2.5, 2. ],
           [1. , nan]])
    """
    finite = np.isfinite(values)
    return ratios(weights @ np.where(finite, values, 0.0), weights @ finite.astype(float))


def estimate(value: float, resampled: np.ndarray, cases: int) -> Estimate:
    """Return a value with the 2.5 and 97.5 percentiles of its resamples.

    One case tells nothing about the spread between cases: its interval is NaN.

    Examples
    --------
    >>> estimate(20.0, np.arange(41.0), cases=8)
    Estimate(value=20.0, low=1.0, high=39.0)
    >>> estimate(0.5, np.array([0.5, 0.5]), cases=1)
    Estimate(value=0.5, low=nan, high=nan)
    """
    finite = resampled[np.isfinite(resampled)]
    if cases < 2 or not finite.size or not np.isfinite(value):
        return Estimate(float(value), float("nan"), float("nan"))
    low, high = np.percentile(finite, [LOW, HIGH])
    return Estimate(float(value), float(low), float(high))
