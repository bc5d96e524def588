"""Parting a foreground at its necks."""

from __future__ import annotations

import numpy as np
import pytest

from septum.classical.watershed import Watershed, split_at_necks

# two squares of 5 × 5 pixels and a bridge of one pixel
DUMBBELL = np.zeros((7, 13), bool)
DUMBBELL[1:6, 1:6] = DUMBBELL[1:6, 7:12] = DUMBBELL[3, 6] = True
STEPS = np.ones(2)


def test_a_neck_parts_two_squares():
    labels = split_at_necks(DUMBBELL, 1.0, STEPS)
    assert labels[DUMBBELL].min() == 1
    assert not labels[~DUMBBELL].any()
    assert set(labels[1:6, 1:6].ravel()) == {1}
    assert set(labels[1:6, 7:12].ravel()) == {2}


@pytest.mark.parametrize(
    ("h", "steps"),
    [
        (0.0, STEPS),  # nothing is parted
        (2.5, STEPS),  # peaks of 3 above a saddle of 1 are not high enough
        (1.0, STEPS / 10),  # nor are peaks of 0.3
    ],
)
def test_shallow_necks_part_nothing(h, steps):
    assert split_at_necks(DUMBBELL, h, steps).max() == 1


def test_pieces_that_touch_at_a_corner_are_two():
    assert split_at_necks(np.eye(2, dtype=bool), 0.0, STEPS).tolist() == [[1, 0], [0, 2]]
    assert split_at_necks(np.eye(2, dtype=bool), 1.0, STEPS).max() == 2


def test_the_grid_starts_with_the_default():
    assert Watershed.grid(10.0)["h"][0] == Watershed().h
