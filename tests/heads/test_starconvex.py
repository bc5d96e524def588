"""Star-convex objects: literal rays first, then what comes back from them."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import balls

from septum.decoding.stars import draw_stars
from septum.heads.starconvex import RAYS, directions, relative_depth, star_targets


@pytest.mark.parametrize("ndim", [2, 3])
def test_rays_are_unit_vectors_in_all_directions(ndim):
    rays = directions(ndim)
    assert rays.shape == ({2: 32, 3: 96}[ndim], ndim)
    np.testing.assert_allclose(np.linalg.norm(rays, axis=1), 1)
    np.testing.assert_allclose(rays.sum(axis=0), 0, atol=0.2)


def test_rays_turn_from_the_second_axis_towards_the_first():
    rays = directions(2)
    np.testing.assert_allclose(rays[[0, 8, 16, 24]], [[0, 1], [1, 0], [0, -1], [-1, 0]], atol=1e-12)


def test_rays_end_at_the_sides_of_a_square():
    square = np.zeros((11, 11), np.uint8)
    square[3:8, 3:8] = 4
    lengths = star_targets(square)[1:]
    # from the middle, half of 5 pixels away from each side; along a diagonal, √2 times that
    for k, (y, x) in enumerate(directions(2)):
        assert lengths[k, 5, 5] == pytest.approx(2.5 / max(abs(y), abs(x)), rel=1e-5)
    # from the upper left pixel: right, down, left, up
    np.testing.assert_allclose(lengths[[0, 8, 16, 24], 3, 3], [4.5, 4.5, 0.5, 0.5], rtol=1e-6)
    assert not lengths[:, square == 0].any()


def test_rays_end_at_the_next_object_and_at_the_image_border():
    lengths = star_targets(np.array([[1, 1, 1, 2, 2]]))[1:]
    np.testing.assert_allclose(lengths[0, 0], [2.5, 1.5, 0.5, 1.5, 0.5])
    np.testing.assert_allclose(lengths[16, 0], [0.5, 1.5, 2.5, 0.5, 1.5])


def test_lengths_are_in_units_of_the_smallest_spacing():
    line = np.ones((3, 5), int)
    lengths = star_targets(line, spacing=(4.0, 2.0))[1:]
    np.testing.assert_allclose(lengths[[0, 8], 1, 2], [2.5, 3.0])  # 2.5 · 2 / 2 and 1.5 · 4 / 2


def test_depth_is_relative_to_the_thickest_place():
    labels = np.zeros((7, 9), int)
    labels[1:6, 1:6] = 1
    labels[3, 7] = 2
    depth = relative_depth(labels)
    np.testing.assert_allclose(depth[3], [0, 1 / 3, 2 / 3, 1, 2 / 3, 1 / 3, 0, 1, 0], rtol=1e-6)


def test_what_lies_outside_the_image_is_no_border():
    labels = np.array([[-1, -1, 1, 1, 1, 1, 0, 2, -1]])
    np.testing.assert_allclose(
        relative_depth(labels)[0], [0, 0, 1, 0.75, 0.5, 0.25, 0, 1, 0], rtol=1e-6
    )
    lengths = star_targets(labels)[1:]
    np.testing.assert_allclose(lengths[0, 0], [0, 0, 3.5, 2.5, 1.5, 0.5, 0, 0.5, 0])
    np.testing.assert_allclose(lengths[16, 0], [0, 0, 0.5, 1.5, 2.5, 3.5, 0, 0.5, 0])


def test_depth_of_a_full_image_is_one():
    assert (relative_depth(np.full((3, 4), 9)) == 1).all()


@pytest.mark.parametrize("largest", [np.uint8(255), np.uint16(65535), np.int16(32767)])
def test_depth_of_the_largest_id_of_a_type(largest):
    labels = np.array([[0, 1, 1, 1, 1, 1, 0]], type(largest)) * largest
    np.testing.assert_allclose(
        relative_depth(labels)[0], [0, 1 / 3, 2 / 3, 1, 2 / 3, 1 / 3, 0], rtol=1e-6
    )


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
