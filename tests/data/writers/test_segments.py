"""Objects and regions of a prediction."""

from __future__ import annotations

import numpy as np

from septum.data.store import Geometry, Prediction
from septum.data.writers.segments import segments

SEMANTIC = np.array([[1, 1, 0, 2], [1, 0, 2, 2]], np.uint16)
INSTANCE = np.array([[3, 3, 0, 0], [3, 0, 1, 1]], np.uint32)


def listed(instance, scores=None, *, regions):
    prediction = Prediction("a", SEMANTIC, instance, Geometry((1.0, 1.0)), scores)
    return [
        (s.number, s.class_id, s.mask.astype(int).tolist(), s.top, s.left, s.score)
        for s in segments(prediction, regions=regions)
    ]


def test_instances_by_their_ids():
    assert listed(INSTANCE, [0.5, 0.25, 1.0], regions=False) == [
        (1, 2, [[1, 1]], 1, 2, 0.5),
        (3, 1, [[1, 1], [1, 0]], 0, 0, 1.0),
    ]


def test_what_is_in_no_instance_is_a_region():
    assert listed(INSTANCE, regions=True) == [
        (1, 2, [[1, 1]], 1, 2, None),
        (3, 1, [[1, 1], [1, 0]], 0, 0, None),
        (0, 2, [[1]], 0, 3, None),
    ]


def test_classes_alone():
    assert listed(None, regions=True) == [
        (0, 1, [[1, 1], [1, 0]], 0, 0, None),
        (0, 2, [[0, 1], [1, 1]], 0, 2, None),
    ]
    assert listed(None, regions=False) == []
