"""Formatting of values as text, which is the same throughout the report."""

from __future__ import annotations

import math
from collections.abc import Sequence

from septum.stages.leaderboard.scores import Row, number

UNDEFINED_TEXT = "–"
SUBSET_NAMES = {"test": "test", "val": "validation"}


def number_text(value: float, digits: int = 3) -> str:
    """Return a number as text, or a dash if it is undefined."""
    return UNDEFINED_TEXT if math.isnan(value) else f"{value:.{digits}f}"


def interval_text(row: Row, key: str, digits: int = 3) -> str:
    """Return the interval of a score as text, empty if there is none."""
    low, high = number(row, f"{key}_low"), number(row, f"{key}_high")
    return "" if math.isnan(low + high) else f"{low:z.{digits}f} to {high:z.{digits}f}"


def subset_name(subset: str) -> str:
    """Return the name of a subset in text."""
    return SUBSET_NAMES.get(subset, subset)


def value_text(value: object) -> str:
    """Return the value of a setting as text."""
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
