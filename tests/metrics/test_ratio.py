"""Ratios of counts and means of what is defined."""

from __future__ import annotations

import math

import numpy as np
import pytest

from septum.metrics.ratio import mean, means, ratio, ratios


def test_a_ratio():
    assert ratio(3, 4) == 0.75
    assert ratio(0, 4) == 0
    assert math.isnan(ratio(0, 0))
    assert ratio(0, 0, empty=0.0) == 0


def test_ratios_of_nothing_are_undefined():
    np.testing.assert_array_equal(ratios([1, 0, 3], [2, 0, 1]), [0.5, np.nan, 3])
    np.testing.assert_array_equal(ratios(1, [[2], [0]]), [[0.5], [np.nan]])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 6], 3),
        ([1, math.nan, 6], 3.5),
        ([1, math.inf], math.inf),
        ([math.nan], math.nan),
        ([], math.nan),
    ],
)
def test_a_mean_leaves_out_what_is_undefined(values, expected):
    np.testing.assert_equal(mean(values), expected)


def test_means_leave_out_what_is_infinite_too():
    values = np.array([[1, np.nan, 6], [np.inf, 2, 4], [np.nan, np.nan, np.inf]])
    np.testing.assert_array_equal(means(values), [3.5, 3, np.nan])
    np.testing.assert_array_equal(means(values, axis=0), [1, 2, 5])
    np.testing.assert_array_equal(means(np.zeros((2, 0))), [np.nan, np.nan])
