"""Removing and numbering objects, on maps small enough to be checked by eye."""

from __future__ import annotations

import numpy as np
import pytest

from septum.instances.relabel import drop_small, keep_objects, number_in_raster_order

LABELS = np.array([[4, 4, 0, 2], [4, 0, 0, 2], [0, 9, 0, 0]])


def test_keeps_objects_in_the_order_given():
    kept = keep_objects(LABELS, [9, 4])
    assert kept.dtype == np.uint32
    assert kept.tolist() == [[2, 2, 0, 0], [2, 0, 0, 0], [0, 1, 0, 0]]


def test_an_object_of_no_pixel_takes_its_number():
    assert keep_objects(np.array([1, 3]), [1, 2, 3]).tolist() == [1, 3]
    assert keep_objects(np.array([1, 3]), [7, 3]).tolist() == [0, 2]


def test_keeps_none():
    assert keep_objects(LABELS, []).tolist() == np.zeros((3, 4)).tolist()


@pytest.mark.parametrize(
    ("min_size", "kept", "labels"),
    [
        (0, [2, 4, 9], [[2, 2, 0, 1], [2, 0, 0, 1], [0, 3, 0, 0]]),
        (1, [2, 4, 9], [[2, 2, 0, 1], [2, 0, 0, 1], [0, 3, 0, 0]]),
        (2, [2, 4], [[2, 2, 0, 1], [2, 0, 0, 1], [0, 0, 0, 0]]),
        (3, [4], [[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]),
        (4, [], [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]),
    ],
)
def test_drops_what_has_fewer_pixels(min_size, kept, labels):
    tidy, former = drop_small(LABELS, min_size)
    assert (tidy.tolist(), former.tolist()) == (labels, kept)
    assert tidy.dtype == np.uint32


@pytest.mark.parametrize("shape", [(0,), (0, 5), (3, 0, 2)])
def test_maps_without_pixels(shape):
    empty = np.zeros(shape, np.int32)
    labels, kept = drop_small(empty, 3)
    assert labels.shape == number_in_raster_order(empty).shape == shape
    assert not kept.size


def test_numbers_in_raster_order():
    assert number_in_raster_order(LABELS).tolist() == [[1, 1, 0, 2], [1, 0, 0, 2], [0, 3, 0, 0]]
    assert number_in_raster_order(np.array([[[3], [1]], [[1], [2]]])).tolist() == [
        [[1], [2]],
        [[2], [3]],
    ]
