"""Costs as text in readable units: 1.9 M parameters, 12 min, 3.4 Mpx/s, 1.2 GB."""

from __future__ import annotations

import math
from collections.abc import Sequence

from septum.stages.leaderboard.scores import Row, number

UNKNOWN_TEXT = "–"
Units = Sequence[tuple[float, str]]
AMOUNT_UNITS: Units = ((1, ""), (1e3, " k"), (1e6, " M"), (1e9, " G"))
TIME_UNITS: Units = ((1e-3, " ms"), (1, " s"), (60, " min"), (3600, " h"), (86400, " d"))
MEMORY_UNITS: Units = ((1, " MB"), (2**10, " GB"), (2**20, " TB"))


def amount_text(value: float) -> str:
    """Format a count, as in ``1.9 M``."""
    return _in_units(value, AMOUNT_UNITS)


def duration_text(seconds: float) -> str:
    """Format a duration, as in ``12 min``."""
    return _in_units(seconds, TIME_UNITS)


def memory_text(megabytes: float) -> str:
    """Format an amount of memory, given in 2²⁰ bytes, as in ``1.2 GB``."""
    return _in_units(megabytes, MEMORY_UNITS)


def speed_text(megapixels_per_second: float) -> str:
    """Format a speed, as in ``3.4 Mpx/s``."""
    return _in_units(megapixels_per_second, ((1, " Mpx/s"),))


def cost_texts(row: Row) -> dict[str, str]:
    """Return the cost columns of a row of the leaderboard as text, a dash for unknown values."""
    return {
        "parameters": amount_text(number(row, "parameters")),
        "training_s": duration_text(number(row, "training_s")),
        "peak_memory_mb": memory_text(number(row, "peak_memory_mb")),
        "mpx_per_s": speed_text(number(row, "mpx_per_s")),
    }


def _in_units(value: float, units: Units) -> str:
    """Format a value in the largest unit that it reaches, with two digits or as an integer."""
    if not math.isfinite(value):
        return UNKNOWN_TEXT
    size, unit = next((u for u in reversed(units) if value >= u[0]), units[0])
    scaled = value / size
    if scaled >= 9.95 or not unit:
        return f"{scaled:.0f}{unit}"
    return (f"{scaled:.1f}" if scaled >= 1 else f"{scaled:.2g}") + unit
