"""Star-convex targets: literal rays first, then their loss."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from septum.heads.stardist import Stars, directions, star_targets


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


def test_rays_count_by_the_probability_of_their_pixel():
    target = torch.zeros(1, 33, 1, 2)
    target[0, 0, 0] = torch.tensor([1.0, 0.5])
    outputs = torch.zeros(1, 33, 1, 2)
    outputs[0, 1:, 0, 0], outputs[0, 1:, 0, 1] = 2.0, 4.0
    loss = Stars.losses(outputs, target, torch.ones(1, 1, 2, dtype=torch.bool))
    assert float(loss["rays"]) == pytest.approx(0.2 * (1.0 * 2 + 0.5 * 4) / 1.5)


def test_rays_on_a_sphere_do_not_fall_on_each_other():
    found = [
        Stars.undo_symmetry(3, order, flips)
        for order in itertools.permutations(range(3))
        for flips in ((), (0,), (1, 2))
    ]
    assert found[0] == (list(range(97)), [1.0] * 97)
    assert set(map(type, found[1:])) == {type(None)}
