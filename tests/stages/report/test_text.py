"""Values as text."""

from __future__ import annotations

import math

import pytest

from septum.stages.report.text import (
    interval_text,
    number_text,
    size_text,
    subset_name,
    value_text,
)


def test_an_interval_has_no_minus_before_zero():
    row = {"gap_low": -0.0002, "gap_high": 0.0161}
    assert interval_text(row, "gap") == "0.000 to 0.016"


def test_an_interval_that_is_not_known_is_empty():
    assert interval_text({"gap_low": math.nan, "gap_high": 0.5}, "gap") == ""


def test_an_undefined_number_is_a_dash():
    assert (number_text(math.nan), number_text(0.12345), number_text(2.0, 1)) == (
        "–",
        "0.123",
        "2.0",
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (False, "no"),
        (0.123456, "0.1235"),
        (16, "16"),
        ([1.0, 2.5], "1 × 2.5"),
        ("batch", "batch"),
    ],
)
def test_values_of_settings(value, text):
    assert value_text(value) == text


def test_sizes_and_subsets():
    assert size_text([48, 64]) == "48 × 64"
    assert size_text((0.5, 0.12345), ".4g") == "0.5 × 0.1235"
    assert [subset_name(name) for name in ("val", "test", "other")] == [
        "validation",
        "test",
        "other",
    ]
