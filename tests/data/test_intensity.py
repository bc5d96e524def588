"""Intensities: statistics against NumPy, schemes against their formulas."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from septum.config.schema import NoScaling, PercentileScaling, StandardScaling, WindowScaling
from septum.data.intensity import LEVELS, normalise, percentile, statistics


@settings(deadline=None, max_examples=50)
@given(
    st.sampled_from(["uint8", "int16", "uint16", "float32"]).flatmap(
        lambda dtype: hnp.arrays(
            dtype,
            hnp.array_shapes(min_dims=3, max_dims=4, max_side=6),
            elements=st.floats(-1e6, 1e6, width=32) if dtype == "float32" else None,
        )
    )
)
def test_statistics_are_those_of_numpy(image):
    found = statistics(image)
    flat = image.reshape(len(image), -1).astype(np.float64)
    for level in LEVELS:
        expected = np.percentile(flat, level, axis=1)
        np.testing.assert_allclose(found.percentiles[f"{level:g}"], expected, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(found.mean, flat.mean(axis=1), rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(found.std, flat.std(axis=1), rtol=1e-6, atol=1e-6)


def test_levels_that_settings_and_reports_name_are_there():
    table = statistics(np.zeros((1, 3, 3), np.uint8)).percentiles
    assert {"0", "0.5", "1", "50", "99", "99.5", "99.8", "99.9", "100"} <= set(table)
    assert list(LEVELS) == sorted(set(LEVELS))


def test_statistics_are_json_and_the_same_again():
    image = np.random.default_rng(0).random((2, 30, 40), np.float32)
    assert json.dumps(statistics(image).to_json()) == json.dumps(statistics(image.copy()).to_json())


def test_large_images_are_sampled_the_extremes_are_not(monkeypatch):
    monkeypatch.setattr("septum.data.intensity.MAX_SORTED", 10_000)
    image = np.random.default_rng(0).normal(100, 10, (1, 400, 500)).astype(np.float32)
    image[0, 1, 1], image[0, 3, 3] = -50, 400
    found = statistics(image)
    assert (found.percentiles["0"], found.percentiles["100"]) == ([-50.0], [400.0])
    assert found.percentiles["50"][0] == pytest.approx(100, abs=0.5)
    assert found.percentiles["99"][0] == pytest.approx(100 + 23.26, abs=1)
    assert found.mean == [pytest.approx(float(image.mean(dtype=np.float64)))]


def test_percentiles_between_the_levels_are_interpolated():
    image = np.stack([np.arange(1001), np.arange(1001) * 2]).reshape(2, 1, -1).astype(np.uint16)
    found = statistics(image)
    np.testing.assert_allclose(percentile(found, 2.0), [20, 40])
    np.testing.assert_allclose(percentile(found, 2.25), [22.5, 45])
    np.testing.assert_allclose(percentile(found, 99.85), [998.5, 1997])


def test_percentile_scheme():
    image = np.stack([np.arange(101), np.arange(101) * 10 + 5]).reshape(2, 1, -1).astype(np.uint16)
    scheme = PercentileScaling(lower=1.0, upper=99.0)
    result = normalise(image, statistics(image), scheme)
    assert result.dtype == np.float32
    expected = (np.arange(101) - 1) / 98
    np.testing.assert_allclose(result[:, 0], [expected, expected], atol=1e-6)


def test_zscore_scheme():
    image = np.random.default_rng(0).normal(50, 7, (2, 5, 6, 7)).astype(np.float32)
    result = normalise(image, statistics(image), StandardScaling())
    np.testing.assert_allclose(result.mean(axis=(1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(result.std(axis=(1, 2, 3)), 1, atol=1e-5)


def test_ct_scheme():
    image = np.array([[[-2000, -100, 50, 3000]]], np.int16)
    scheme = WindowScaling(low=-200.0, high=300.0, mean=50.0, std=100.0)
    result = normalise(image, statistics(image), scheme)
    np.testing.assert_allclose(result[0, 0], [-2.5, -1.5, 0, 2.5])


def test_no_scheme():
    image = np.array([[[7, 300]]], np.uint16)
    result = normalise(image, statistics(image), NoScaling())
    assert result.dtype == np.float32
    assert result.tolist() == [[[7.0, 300.0]]]


PERCENTILES = PercentileScaling(lower=1.0, upper=99.8)
WINDOW = WindowScaling(low=10, high=6e4, mean=100.0, std=9.0)


@pytest.mark.parametrize("scheme", [PERCENTILES, StandardScaling()])
def test_a_channel_without_contrast_is_zero(scheme):
    image = np.stack([np.full((4, 4), 9), np.arange(16).reshape(4, 4)]).astype(np.uint8)
    result = normalise(image, statistics(image), scheme)
    assert not result[0].any()
    assert result[1].std() > 0


@pytest.mark.parametrize("scheme", [PERCENTILES, StandardScaling(), WINDOW, NoScaling()])
def test_a_patch_is_normalised_as_the_whole(scheme):
    image = np.random.default_rng(0).integers(0, 2**16, (3, 40, 50), dtype=np.uint16)
    found = statistics(image)
    whole = normalise(image, found, scheme)
    part = normalise(image[:, 7:20, 30:], found, scheme)
    np.testing.assert_array_equal(part, whole[:, 7:20, 30:])
