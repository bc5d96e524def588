"""The semantic target: a ridge of background between touching objects."""

from __future__ import annotations

import numpy as np
from every_head import HEADS
from hypothesis import given, settings
from small_labels import INSTANCE, SEMANTIC, instances


def test_semantic_target_parts_touching_objects():
    expected = [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 1, 1, 0, 1, 1, 1, 0],
        [0, 1, 1, 0, 1, 1, 1, 0],
        [0, 1, 1, 0, 1, 1, 1, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0],
    ]
    np.testing.assert_array_equal(HEADS["semantic"]([1]).target(SEMANTIC, INSTANCE), expected)


@given(instances)
@settings(max_examples=80, deadline=None)
def test_no_two_objects_touch_in_the_semantic_target(instance):
    semantic = (instance > 0).astype(np.uint16)
    inside = HEADS["semantic"]([1]).target(semantic, instance) > 0
    kept = np.where(inside, instance, 0)
    for axis in range(instance.ndim):
        ahead, behind = np.moveaxis(kept, axis, 0)[1:], np.moveaxis(kept, axis, 0)[:-1]
        assert not ((ahead != behind) & (ahead > 0) & (behind > 0)).any()
    assert not (inside & (instance == 0)).any()
