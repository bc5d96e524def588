"""The search for the best of few parameters, for decoders and for classical baselines."""

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
        To begin with.
    grid : mapping of str to sequence
        The values to be tried of each free parameter. Of equal scores the present value wins,
        then the one that stands first.
    score : callable
        Of a set of parameters; higher is better. Asked again for the same sets.

    Returns
    -------
    dict
    """
    previous = None
    while parameters != previous:
        previous = parameters
        for name, values in grid.items():
            # the present value first, so that an equal score changes nothing
            parameters = max([parameters, *({**parameters, name: v} for v in values)], key=score)
    return parameters


def mean_score(scores: Iterable[float]) -> float:
    """Return the mean of the scores that are defined; -1 where none is."""
    defined = [score for score in scores if not math.isnan(score)]
    # rounded: sums in another order must not decide between equals
    return round(float(np.mean(defined)), 9) if defined else -1.0
