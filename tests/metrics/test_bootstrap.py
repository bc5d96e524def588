"""Bootstrap intervals against cases that can be worked out."""

from __future__ import annotations

import numpy as np
import pytest

from septum.metrics.bootstrap import estimate, resample, weighted_means

NAMES = [f"case {i}" for i in range(400)]


def test_a_resample_draws_as_many_cases_as_there_are():
    weights = resample(50, NAMES[:7], 0)
    assert weights.shape == (50, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert (weights >= 0).all()
    assert (weights == np.floor(weights)).all()


def test_draws_follow_from_seed_and_names():
    first = resample(20, NAMES[:9], 1, "nuclei")
    np.testing.assert_array_equal(first, resample(20, NAMES[:9], 1, "nuclei"))
    assert (first != resample(20, NAMES[:9], 2, "nuclei")).any()
    assert (first != resample(20, NAMES[1:10], 1, "nuclei")).any()


def test_means_leave_out_what_is_undefined_or_infinite():
    values = np.array([[1.0, np.nan], [3.0, 5.0], [np.nan, np.inf]])
    weights = np.array([[1.0, 1.0, 1.0], [3.0, 1.0, 0.0], [0.0, 0.0, 3.0]])
    expected = [[2.0, 5.0], [1.5, 5.0], [np.nan, np.nan]]
    np.testing.assert_allclose(weighted_means(values, weights), expected)


def test_interval_of_two_cases():
    """The mean of two draws of {0, 1} is 0, ½, 1 with chance ¼, ½, ¼: 95 % span both ends."""
    weights = resample(1000, ["a", "b"], 0)
    found = weighted_means(np.array([[0.0], [1.0]]), weights)[:, 0]
    assert set(found) == {0.0, 0.5, 1.0}
    assert np.mean(found == 0.5) == pytest.approx(0.5, abs=0.05)
    interval = estimate(0.5, found, 2)
    assert (interval.low, interval.high) == (0.0, 1.0)


def test_interval_of_many_cases_is_that_of_the_normal_distribution():
    values = np.random.default_rng(3).normal(5.0, 2.0, 400)
    found = weighted_means(values[:, None], resample(4000, NAMES, 0))[:, 0]
    interval = estimate(values.mean(), found, 400)
    half = 1.96 * values.std() / np.sqrt(400)
    assert interval.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_interval_against_plain_resampling_of_indices():
    values = np.random.default_rng(4).exponential(1.0, 30)
    rng = np.random.default_rng(5)
    plain = [values[rng.integers(0, 30, 30)].mean() for _ in range(20_000)]
    found = weighted_means(values[:, None], resample(20_000, NAMES[:30], 0))[:, 0]
    interval = estimate(values.mean(), found, 30)
    expected = np.percentile(plain, [2.5, 97.5])
    assert [interval.low, interval.high] == pytest.approx(expected, rel=0.03)


def test_one_case_has_no_interval():
    found = estimate(0.7, np.full(100, 0.7), 1)
    assert found.value == 0.7
    assert np.isnan([found.low, found.high]).all()
    assert not found.excludes_zero


@pytest.mark.parametrize(
    ("samples", "excludes"),
    [([0.1, 0.2, 0.3], True), ([-0.3, -0.1], True), ([-0.1, 0.0, 0.1], False)],
)
def test_an_interval_excludes_zero(samples, excludes):
    assert estimate(0.1, np.array(samples), 5).excludes_zero is excludes
