"""One set of parameters that stands for those which several folds were tuned to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from septum.config.registry import Number


def common_parameters(folds: Sequence[Mapping[str, Number]]) -> dict[str, Number]:
    """Return the medians of the parameters of several folds.

    The models of all folds predict test cases and new images together, and must agree on one set
    of parameters. The parameters are thresholds and sizes, which act one by one and whose scores
    change smoothly; the folds differ in them by chance. The median is between the values that
    were found best, and one fold that came out odd does not move it. Counts are rounded.

    Parameters
    ----------
    folds : sequence of mapping of str to number
        At least one; all have the same parameters.

    Returns
    -------
    dict of str to number

    Examples
    --------
    >>> common_parameters([{"threshold": 0.5, "min_size": 3}, {"threshold": 0.6, "min_size": 8}])
    {'threshold': 0.55, 'min_size': 6}
    """
    common: dict[str, Number] = {}
    for name in folds[0]:
        values = [parameters[name] for parameters in folds]
        counts = all(isinstance(value, int) for value in values)
        common[name] = round(median(values)) if counts else median(values)
    return common


def representative_fold(folds: Sequence[Mapping[str, Any]], scores: Sequence[float | None]) -> int:
    """Return which of several folds has the parameters that stand for those of all.

    For parameters that do not act one by one (`common_parameters`), such as those of a classical
    baseline: a median of each would be a set that nobody tried. So the set of one fold is taken,
    which shares most values with the others; of equals the one of the best score.

    Parameters
    ----------
    folds : sequence of mapping
        At least one.
    scores : sequence of float or None
        Of each fold on its validation cases.

    Returns
    -------
    int

    Examples
    --------
    >>> representative_fold([{"k": 3}, {"k": 5}, {"k": 3}], [0.5, 0.9, 0.6])
    2
    """

    def agreement(number: int) -> tuple[int, float]:
        shared = sum(
            folds[number][name] == value
            for parameters in folds
            for name, value in parameters.items()
        )
        return shared, scores[number] or 0.0

    return max(range(len(folds)), key=agreement)  # the first of equals
