"""Boxes that overlap, against every box compared with every other one."""

from __future__ import annotations

import tracemalloc

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


@pytest.mark.parametrize("axes", [2, 3])
def test_boxes_that_span_the_image_are_compared_with_all_others(axes):
    random = np.random.default_rng(axes)
    size = {2: 4000, 3: 600}[axes]
    start_a, start_b = random.integers(0, size - 10, (2, 700, axes))
    length_a, length_b = random.integers(1, 11, (2, 700, axes))
    ones, others = (start_a, start_a + length_a), (start_b, start_b + length_b)
    for lists, rows in [((ones,), [5]), ((others,), [0, 699]), ((ones, others), [2, 3])]:
        for start, stop in lists:
            start[rows], stop[rows] = 0, size
    wanted = dense(ones, others)
    # three large boxes of each list overlap all of the other
    assert len(wanted) >= 2 * 3 * 700 - 3 * 3
    assert overlapping_boxes(ones, others).tolist() == wanted


@pytest.mark.parametrize("large", [1, 40])
def test_boxes_that_span_the_image_enter_no_cell_of_the_grid(large):
    random = np.random.default_rng(0)
    start = random.integers(0, 40_000, (20_000, 2))
    stop = start + 10
    start[:large], stop[:large] = 0, 40_010
    # one of them alone covers 11 million of the cells, of 12 × 12 px, which is 89 MB as int64;
    # 40 cover 250,000 larger cells each, and each pair of them would be met in all of these
    tracemalloc.start()
    pairs = overlapping_boxes((start, stop), (start, stop))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6 + large * 3e6
    assert pairs[:20_000].tolist() == [[0, other] for other in range(20_000)]
    of_small = pairs[(pairs >= large).all(axis=1)]
    assert len(pairs) == large * 20_000 * 2 - large**2 + len(of_small)
