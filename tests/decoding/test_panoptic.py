"""Things and stuff in one map, on literal maps."""

from __future__ import annotations

import numpy as np

from septum.config.schema import ClassSpec
from septum.decoding.panoptic import fill_with_stuff, likeliest_stuff, panoptic_merge

CLASSES = {
    2: ClassSpec(name="axon"),
    5: ClassSpec(name="myelin", kind="stuff"),
    7: ClassSpec(name="vessel", kind="stuff"),
    9: ClassSpec(name="nucleus"),
}


def test_objects_come_first_and_stuff_fills_the_rest():
    semantic = np.array([[2, 2, 0, 9], [0, 0, 0, 9]])
    instance = np.array([[1, 1, 0, 2], [0, 0, 0, 2]])
    # the other model takes pixels of both objects for stuff, and finds a thing where none is
    pixels = np.array([[5, 5, 5, 5], [7, 0, 2, 7]])
    merged = panoptic_merge((semantic, instance, [0.9, 0.4]), pixels, CLASSES)
    assert merged[0].tolist() == [[2, 2, 5, 9], [7, 0, 0, 9]]
    assert merged[1].tolist() == [[1, 1, 0, 2], [0, 0, 0, 2]]
    assert merged[2] == [0.9, 0.4]
    assert (merged[0].dtype, merged[1].dtype) == (np.uint16, np.uint32)
    # without the unsure object its pixels are stuff, and the others are numbered anew
    merged = panoptic_merge((semantic, instance, [0.4, 0.9]), pixels, CLASSES, threshold=0.5)
    assert merged[0].tolist() == [[5, 5, 5, 9], [7, 0, 0, 9]]
    assert merged[1].tolist() == [[0, 0, 0, 1], [0, 0, 0, 1]]
    assert merged[2] == [0.9]
    # without scores all objects count, and have none afterwards
    merged = panoptic_merge((semantic, instance, None), pixels, CLASSES, threshold=1.0)
    assert merged[1].max() == 2
    assert merged[2] is None


def test_stuff_is_counted_where_no_object_hides_it():
    semantic = np.array([[2, 2, 2, 0, 0, 0]])
    stuff = np.array([[5, 5, 5, 5, 7, 7]])
    assert fill_with_stuff(semantic, stuff, 2).tolist() == [[2, 2, 2, 0, 7, 7]]
    assert fill_with_stuff(semantic, stuff, 1).tolist() == [[2, 2, 2, 5, 7, 7]]
    assert fill_with_stuff(semantic, stuff, 3).tolist() == [[2, 2, 2, 0, 0, 0]]


def test_the_likeliest_stuff_is_none_of_a_thing():
    # background, axon, myelin, vessel, nucleus; columns are pixels
    probabilities = np.array(
        [[0.2, 0.1], [0.5, 0.3], [0.25, 0.1], [0.05, 0.2], [0.0, 0.3]], np.float32
    )
    assert likeliest_stuff(probabilities, CLASSES).tolist() == [5, 7]
