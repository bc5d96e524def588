"""Lengths as files spell them, and the units that are kept."""

from __future__ import annotations

import math

import pytest

from septum.io.units import UNKNOWN_LENGTH, in_micrometers, in_one_unit, parse_length


@pytest.mark.parametrize(
    ("step", "unit", "length"),
    [
        (2, "um", (2.0, "micrometer")),
        (2, " Microns ", (2.0, "micrometer")),
        (2, "\u00b5m", (2.0, "micrometer")),  # micro sign
        (2, "\u03bcm", (2.0, "micrometer")),  # Greek mu
        (2, "\\u00B5m", (2.0, "micrometer")),  # ImageJ's escape
        (2, "Micrometre", (2.0, "micrometer")),
        (500, "nm", (0.5, "micrometer")),
        (5000, "Å", (0.5, "micrometer")),
        (2, "mm", (2.0, "millimeter")),
        (2, "cm", (20.0, "millimeter")),
        (1, "inch", (25.4, "millimeter")),
        (0.001, "m", (1.0, "millimeter")),
        (2, "", UNKNOWN_LENGTH),
        (2, None, UNKNOWN_LENGTH),
        (2, "furlong", UNKNOWN_LENGTH),
        (0, "mm", UNKNOWN_LENGTH),
        (-1, "mm", UNKNOWN_LENGTH),
        (math.nan, "mm", UNKNOWN_LENGTH),
        (math.inf, "mm", UNKNOWN_LENGTH),
    ],
)
def test_spellings(step, unit, length):
    assert parse_length(step, unit) == length


@pytest.mark.parametrize(
    ("lengths", "spacing"),
    [
        ([(2.0, "micrometer"), (3.0, "micrometer")], ((2.0, 3.0), "micrometer")),
        ([(2.0, "millimeter"), (3.0, "millimeter")], ((2.0, 3.0), "millimeter")),
        ([(2.0, "millimeter"), (3.0, "micrometer")], ((2000.0, 3.0), "micrometer")),
        ([(2.0, "millimeter"), UNKNOWN_LENGTH], ((1.0, 1.0), "pixel")),
        ([UNKNOWN_LENGTH, UNKNOWN_LENGTH], ((1.0, 1.0), "pixel")),
    ],
)
def test_one_unit_for_all_axes(lengths, spacing):
    assert in_one_unit(lengths) == spacing


def test_micrometres():
    assert in_micrometers((1, 0.25), "micrometer") == (1, 0.25)
    assert in_micrometers((1, 0.25), "millimeter") == (1000, 250)
    with pytest.raises(KeyError):
        in_micrometers((1, 1), "pixel")
