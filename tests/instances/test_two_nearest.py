"""Distances to the two nearest objects, against one distance transform an object."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_maps import distances_by_object, label_maps

from septum.errors import SeptumError
from septum.instances.two_nearest import two_nearest


def test_line():
    d1, d2 = two_nearest(np.array([0, 5, 5, 0, 0, 0, 2, 0]))
    assert d1.tolist() == [1, 0, 0, 1, 2, 1, 0, 1]
    assert d2.tolist() == [6, 5, 4, 3, 2, 3, 4, 5]


def test_second_hidden_behind_the_first_in_every_row():
    # Object 1 fills the row above x; object 2 is reached only through rows 1 owns.
    labels = np.zeros((5, 5), int)
    labels[1], labels[0, 2] = 1, 2
    d1, d2 = two_nearest(labels)
    assert d1[4].tolist() == [3, 3, 3, 3, 3]
    assert d2[4] == pytest.approx([math.sqrt(20), math.sqrt(17), 4, math.sqrt(17), math.sqrt(20)])


def test_diagonal_with_spacing():
    labels = np.zeros((2, 2), int)
    labels[0, 0], labels[1, 1] = 1, 2
    d1, d2 = two_nearest(labels, (3, 4))
    assert d1.tolist() == [[0, 3], [3, 0]]
    assert d2.tolist() == [[5, 4], [4, 5]]


def test_type_and_missing_objects():
    d1, d2 = two_nearest(np.array([[0, 0], [0, 1]], np.uint8))
    assert d1.dtype == d2.dtype == np.float32
    assert d1[0, 1] == 1
    assert np.isinf(d2).all()
    assert np.isinf(two_nearest(np.zeros((3, 3), int))[0]).all()
    assert two_nearest(np.zeros((0, 3), int))[0].shape == (0, 3)


@given(label_maps())
@settings(max_examples=300, deadline=None)
def test_equals_one_transform_an_object(drawn):
    labels, spacing = drawn
    for ours, expected in zip(
        two_nearest(labels, spacing), distances_by_object(labels, spacing), strict=True
    ):
        np.testing.assert_allclose(ours, expected, rtol=2e-7, atol=1e-6)


@given(label_maps(), st.sampled_from([0.0, 1.0, 2.5, 6.3]))
@settings(max_examples=100, deadline=None)
def test_max_distance_only_cuts_off(drawn, limit):
    labels, spacing = drawn
    for full, cut in zip(
        two_nearest(labels, spacing),
        two_nearest(labels, spacing, max_distance=limit),
        strict=True,
    ):
        clear = abs(full - limit) > 1e-5  # rounding decides at the limit itself
        np.testing.assert_array_equal(cut[clear], np.where(full <= limit, full, np.inf)[clear])


@given(label_maps())
@settings(max_examples=50, deadline=None)
def test_axes_are_alike(drawn):
    labels, spacing = drawn
    turned = spacing if spacing is None else spacing[::-1]
    for ours, of_turned in zip(
        two_nearest(labels, spacing), two_nearest(labels.T, turned), strict=True
    ):
        np.testing.assert_allclose(ours, of_turned.T, rtol=2e-7)


@pytest.mark.parametrize("spacing", [(1.0, 1e-11), (1e-11, 1.0)])
def test_extreme_spacing(spacing):
    random = np.random.default_rng(2)
    labels = random.integers(1, 5, (30, 30)) * (random.random((30, 30)) < 0.05)
    for ours, expected in zip(
        two_nearest(labels, spacing), distances_by_object(labels, spacing), strict=True
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.int64, np.uint64])
def test_ids_of_any_size(dtype):
    high = np.iinfo(dtype).max
    labels = np.array([high, 0, 0, high - 1, 1], dtype)
    d1, d2 = two_nearest(labels)
    assert d1.tolist() == [0, 1, 1, 0, 0]
    assert d2.tolist() == [3, 2, 2, 1, 1]


def test_ids_of_any_size_without_background():
    labels = np.array([2**40, 2**40, 7])
    assert two_nearest(labels)[1].tolist() == [2, 1, 1]


@pytest.mark.parametrize(
    ("labels", "spacing", "where"),
    [
        (np.zeros((3, 3)), None, "labels"),
        (np.ones((3, 3), bool), None, "labels"),
        (np.array([[-1, 0]]), None, "labels"),
        (np.array(3), None, "labels"),
        (np.zeros((3, 3), int), (1.0,), "spacing"),
        (np.zeros((3, 3), int), (1.0, 0.0), "spacing"),
        (np.zeros((3, 3), int), (1.0, math.nan), "spacing"),
    ],
)
def test_bad_arguments(labels, spacing, where):
    with pytest.raises(SeptumError) as error:
        two_nearest(labels, spacing)
    assert [problem.where for problem in error.value.problems] == [where]


def test_memory_grows_with_pixels_only():
    labels = np.zeros((400, 400), np.int32)
    labels[::8, ::8] = np.arange(1, 2501).reshape(50, 50)
    two_nearest(labels)  # compile first
    tracemalloc.start()
    two_nearest(labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 * labels.size
