"""Costs in the units that people think in: 1.9 M parameters, 12 min, 3.4 Mpx/s, 1.2 GB."""

from __future__ import annotations

import math
from collections.abc import Sequence

from septum.stages.leaderboard.scores import Row, number

UNKNOWN = "–"
Units = Sequence[tuple[float, str]]
AMOUNTS: Units = ((1, ""), (1e3, " k"), (1e6, " M"), (1e9, " G"))
TIMES: Units = ((1e-3, " ms"), (1, " s"), (60, " min"), (3600, " h"), (86400, " d"))
MEMORY: Units = ((1, " MB"), (2**10, " GB"), (2**20, " TB"))


def amount_text(value: float) -> str:
    """Return a number of things, ``1.9 M``."""
    return _in_units(value, AMOUNTS)


def duration_text(seconds: float) -> str:
    """Return a time, ``12 min``."""
    return _in_units(seconds, TIMES)


def memory_text(megabytes: float) -> str:
    """Return memory given in 2²⁰ bytes, ``1.2 GB``."""
    return _in_units(megabytes, MEMORY)


def speed_text(megapixels_per_second: float) -> str:
    """Return a speed, ``3.4 Mpx/s``."""
    return _in_units(megapixels_per_second, ((1, " Mpx/s"),))


def cost_texts(row: Row) -> dict[str, str]:
    """Return the cost columns of a row of the leaderboard as text, a dash where not known."""
    return {
        "parameters": amount_text(number(row, "parameters")),
        "training_s": duration_text(number(row, "training_s")),
        "peak_memory_mb": memory_text(number(row, "peak_memory_mb")),
        "mpx_per_s": speed_text(number(row, "mpx_per_s")),
    }


def _in_units(value: float, units: Units) -> str:
    """Return two digits, or all before the point, in the largest unit of which there is one."""
    if not math.isfinite(value):
        return UNKNOWN
    size, unit = next((u for u in reversed(units) if value >= u[0]), units[0])
    scaled = value / size
    if scaled >= 9.95 or not unit:
        return f"{scaled:.0f}{unit}"
    return (f"{scaled:.1f}" if scaled >= 1 else f"{scaled:.2g}") + unit
