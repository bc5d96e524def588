"""The semantic target: a ridge of background between touching objects."""

from __future__ import annotations

import numpy as np
from every_head import HEADS
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

# Two touching objects, one alone that reaches the image's border.
INSTANCE = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 2, 2, 2, 0],
        [0, 1, 1, 1, 2, 2, 2, 0],
        [0, 1, 1, 1, 2, 2, 2, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [3, 3, 3, 0, 0, 0, 0, 0],
        [3, 3, 3, 0, 0, 0, 0, 0],
    ],
    np.uint32,
)


SEMANTIC = (INSTANCE > 0).astype(np.uint16)


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


instances = hnp.arrays(
    np.uint32,
    hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=8),
    elements=st.integers(0, 3),
)


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
