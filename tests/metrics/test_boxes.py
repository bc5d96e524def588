"""Bounding boxes, and the pairs of them that overlap well."""

from __future__ import annotations

import numpy as np

from septum.metrics.boxes import box_areas, box_pairs, boxes_of
from septum.metrics.overlap import OverlapTable


def test_two_boxes_of_the_lecture():
    # 2 x 2 and 2 x 3, overlapping in 1 x 1: 1 / (4 + 6 - 1)
    true, pred = np.zeros((2, 3, 5), int)
    true[0:2, 0:2] = 1
    pred[1:3, 1:4] = 1
    assert OverlapTable.from_labels(true, pred).ious.tolist() == [1 / 9]
    boxes = boxes_of(true, [1]), boxes_of(pred, [1])
    assert [box.tolist() for box in boxes] == [[[0, 0, 2, 2]], [[1, 1, 3, 4]]]
    assert [box_areas(box).tolist() for box in boxes] == [[4], [6]]
    assert box_pairs(*boxes)[2].size == 0  # only halves and more are kept
    assert box_pairs(boxes[1], boxes[1])[2].tolist() == [1.0]


def test_ids_may_be_large_and_absent():
    labels = np.array([[0, 7, 7], [2**32 - 1, 0, 0]], np.uint32)
    np.testing.assert_array_equal(
        boxes_of(labels, [2**32 - 1, 9, 7]), [[1, 0, 2, 1], [0, 0, 0, 0], [0, 1, 1, 3]]
    )


def test_box_pairs_are_those_of_all_pairs():
    rng = np.random.default_rng(5)
    for axes in (1, 2, 3):
        start = rng.integers(0, 12, (2, 600, axes))
        boxes = np.concatenate([start, start + rng.integers(1, 9, start.shape)], axis=2)
        one, other = boxes[0][:, None], boxes[1][None]
        sides = np.minimum(one, other)[..., axes:] - np.maximum(one, other)[..., :axes]
        shared = np.prod(sides.clip(0), axis=-1)
        areas = [np.prod(b[..., axes:] - b[..., :axes], axis=-1) for b in (one, other)]
        ious = shared / (areas[0] + areas[1] - shared)
        rows, cols, found = box_pairs(*boxes)
        expected = np.nonzero(ious >= 0.5)
        assert len(rows) > 20
        np.testing.assert_array_equal([rows, cols], expected)
        np.testing.assert_array_equal(found, ious[expected])
