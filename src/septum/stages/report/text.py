"""Values as text, one way in all of the report."""

from __future__ import annotations

import math
from collections.abc import Sequence

from septum.stages.leaderboard.scores import Row, number

NOTHING = "–"
SUBSETS = {"test": "test", "val": "validation"}


def number_text(value: float, digits: int = 3) -> str:
    """Return a number as text, a dash where it is undefined."""
    return NOTHING if math.isnan(value) else f"{value:.{digits}f}"


def interval_text(row: Row, key: str, digits: int = 3) -> str:
    """Return the interval of a score, empty where there is none."""
    low, high = number(row, f"{key}_low"), number(row, f"{key}_high")
    return "" if math.isnan(low + high) else f"{low:z.{digits}f} to {high:z.{digits}f}"


def subset_name(subset: str) -> str:
    """Return what a subset is called in text."""
    return SUBSETS.get(subset, subset)


def value_text(value: object) -> str:
    """Return a setting's value as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return " × ".join(value_text(v) for v in value)
    return str(value)


def size_text(values: Sequence[float], form: str = "d") -> str:
    """Return sizes along the axes as text."""
    return " × ".join(format(value, form) for value in values)
