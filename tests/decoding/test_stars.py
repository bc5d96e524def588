"""Objects from star-convex proposals."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import balls

from septum.decoding.stars import draw_stars
from septum.heads.stardist import RAYS, star_targets


@pytest.mark.parametrize(
    ("shape", "centres", "radius"),
    [
        ((40, 60), [(12, 12), (12, 30), (28, 21), (20, 50)], 9),
        ((18, 20, 34), [(9, 10, 9), (9, 10, 24)], 7),
    ],
)
def test_objects_come_back(shape, centres, radius):
    labels = balls(shape, centres, radius)
    targets = star_targets(labels)
    found = draw_stars(targets[0], targets[1:], labels > 0, threshold=0.5, overlap=0.4)
    assert found.max() == len(centres)
    np.testing.assert_array_equal(found > 0, labels > 0)
    for number in range(1, len(centres) + 1):
        values, counts = np.unique(found[labels == number], return_counts=True)
        # the pixels along a common border may go either way
        assert counts.max() / counts.sum() > 0.97, values


def _uniform(shape, length):
    return np.full((RAYS[len(shape)], *shape), length, np.float32)


def test_of_two_stars_that_overlap_the_more_probable_stays():
    probability = np.zeros((20, 30))
    probability[10, 12], probability[10, 15] = 0.8, 0.9
    found = draw_stars(
        probability, _uniform((20, 30), 6), np.ones((20, 30), bool), threshold=0.5, overlap=0.4
    )
    assert found.max() == 1
    # two discs of radius 6 whose centres are 3 apart have 69 % in common
    both = draw_stars(
        probability, _uniform((20, 30), 6), np.ones((20, 30), bool), threshold=0.5, overlap=0.8
    )
    assert both.max() == 2


@pytest.mark.parametrize(("away", "covered"), [((0, 14), True), ((0, 16), False)])
def test_a_star_reaches_as_far_as_its_rays(away, covered):
    probability = np.zeros((41, 41))
    probability[20, 20] = 1.0
    only = np.zeros((41, 41), bool)
    only[20 + away[0], 20 + away[1]] = True
    found = draw_stars(probability, _uniform((41, 41), 15), only, threshold=0.5, overlap=0.4)
    assert found.any() == covered


def test_an_object_has_the_outline_of_the_foreground():
    probability = np.zeros((41, 41))
    probability[20, 20] = 1.0
    y, x = np.mgrid[-20:21, -20:21]
    for square in (100, 250):  # within the star of radius 15, and beyond it
        foreground = y**2 + x**2 <= square
        stars = _uniform((41, 41), 15)
        found = draw_stars(probability, stars, foreground, threshold=0.5, overlap=0.4)
        np.testing.assert_array_equal(found, foreground)


def test_nothing_above_the_threshold_gives_no_object():
    shape = (6, 7)
    found = draw_stars(
        np.full(shape, 0.4), _uniform(shape, 3), np.ones(shape, bool), threshold=0.5, overlap=0.4
    )
    assert not found.any()
