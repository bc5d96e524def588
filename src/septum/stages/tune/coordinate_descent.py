"""Coordinate descent over few parameters, for decoders and classical baselines."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np


def descend(
    parameters: dict[str, Any],
    grid: Mapping[str, Sequence[Any]],
    score: Callable[[Mapping[str, Any]], float],
) -> dict[str, Any]:
    """Improve one parameter after the other until none changes.

    Parameters
    ----------
    parameters : dict
        Initial values of all parameters.
    grid : mapping of str to sequence
        Values to try of each free parameter. Of equal scores the current value is kept, otherwise
        the first one in the sequence.
    score : callable
        Returns the score of a set of parameters; higher is better. It is called repeatedly for
        the same sets.

    Returns
    -------
    dict
        The best parameters.
    """
    previous = None
    while parameters != previous:
        previous = parameters
        for name, values in grid.items():
            # the current value first, so that an equal score changes nothing
            parameters = max([parameters, *({**parameters, name: v} for v in values)], key=score)
    return parameters


def mean_score(scores: Iterable[float]) -> float:
    """Return the mean of the scores that are defined; -1 if none is."""
    defined = [score for score in scores if not math.isnan(score)]
    # rounded, so that the order of summation does not decide between equal scores
    return round(float(np.mean(defined)), 9) if defined else -1.0
