"""Boxes that overlap, against every box compared with every other one."""

from __future__ import annotations

import numpy as np
import pytest

from septum.instances.box_overlap import overlapping_boxes


def dense(ones, others):
    """Return the pairs of the (ones × others) array."""
    start = np.maximum(ones[0][:, None], others[0])
    stop = np.minimum(ones[1][:, None], others[1])
    return np.argwhere((start < stop).all(axis=2)).tolist()


def boxes(random, count, axes, size):
    """Return small boxes, a few that hold half of the rest, and a few of no pixel."""
    start = random.integers(0, size, (count, axes))
    length = random.integers(1, 6, (count, axes))
    length[:3] = size // 2
    length[3:6, 0] = (0, -1, -size)
    return start, start + length


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_equals_the_dense_comparison(axes):
    random = np.random.default_rng(axes)
    ones = boxes(random, 1500, axes, {1: 3000, 2: 150, 3: 40}[axes])
    others = boxes(random, 900, axes, {1: 3000, 2: 150, 3: 40}[axes])
    wanted = dense(ones, others)
    assert len(wanted) > 1000
    assert overlapping_boxes(ones, others).tolist() == wanted


def test_boxes_that_touch_do_not_overlap():
    one = np.array([[0, 0]]), np.array([[4, 4]])
    # the last one makes the cells of the grid large: all four are compared
    others = (
        np.array([[4, 0], [3, 3], [0, 4], [4, 4]]),
        np.array([[8, 4], [4, 4], [4, 8], [60, 60]]),
    )
    assert overlapping_boxes(one, others).tolist() == [[0, 1]]


def test_nothing_overlaps_nothing():
    none = np.zeros((0, 2), int), np.zeros((0, 2), int)
    some = np.array([[0, 0]]), np.array([[4, 4]])
    for first, second in [(none, some), (some, none), (none, none)]:
        assert overlapping_boxes(first, second).shape == (0, 2)
