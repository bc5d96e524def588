"""Connected components, and what they give back of what training took apart."""

from __future__ import annotations

import numpy as np
from decoders import decode
from perfect_maps import foreground, instances, perfect

from septum.config.schema import ClassSpec


def test_components_are_numbered_and_small_ones_removed():
    probability = np.array(
        [
            [0.9, 0.9, 0.1, 0.1, 0.0, 0.6],
            [0.9, 0.2, 0.1, 0.1, 0.0, 0.0],
            [0.1, 0.1, 0.1, 0.1, 0.0, 0.0],
            [0.1, 0.1, 0.1, 0.1, 0.0, 0.0],
            [0.4, 0.1, 0.8, 0.8, 0.0, 0.0],
            [0.4, 0.1, 0.8, 0.7, 0.0, 0.0],
        ]
    )
    first = [[1, 1, 0, 0, 0, 2], [1, 0, 0, 0, 0, 0], [0] * 6, [0] * 6, *[[0, 0, 3, 3, 0, 0]] * 2]
    probabilities = foreground(probability)
    assert instances(probabilities).tolist() == first
    assert instances(probabilities, min_size=2)[0].tolist() == [1, 1, 0, 0, 0, 0]
    assert instances(probabilities, min_size=4).max() == 1
    assert instances(probabilities, min_size=5).max() == 0
    # pixels that touch by a corner are two objects
    assert instances(foreground([[0.9, 0.1], [0.1, 0.9]])).max() == 2


def test_the_ridge_is_given_back_to_the_object_that_gave_it():
    truth = np.array([[0, 1, 1, 1, 2, 2, 2, 0]] * 4)
    probabilities = perfect("semantic", truth)
    assert probabilities[1][0].tolist() == [0, 1, 1, 0, 1, 1, 1, 0]
    np.testing.assert_array_equal(instances(probabilities), truth)


def test_a_gap_of_two_pixels_stays():
    truth = np.array([[1, 1, 0, 0, 2, 2]] * 3)
    np.testing.assert_array_equal(instances(perfect("semantic", truth)), truth)


def test_the_border_is_given_back_without_merging():
    truth = np.zeros((8, 13), int)
    truth[1:7, 1:6] = 1
    truth[1:7, 6:12] = 2
    probabilities = perfect("border", truth)
    for method in ("components", "watershed"):
        np.testing.assert_array_equal(instances(probabilities, "border", method), truth)


def test_doubt_between_classes_is_no_doubt_about_an_object():
    classes = {1: ClassSpec(name="a"), 2: ClassSpec(name="b")}
    probabilities = np.zeros((3, 4, 4), np.float32)
    probabilities[0] = 0.9
    probabilities[:, 1:3, 1:3] = np.array([0.1, 0.4, 0.5]).reshape(3, 1, 1)
    semantic, instance = decode(
        probabilities, head="semantic", classes=classes, annotation="instance"
    )
    assert instance.max() == 1
    assert semantic[1, 1] == 2
