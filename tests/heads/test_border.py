"""The border target: the one-pixel inner boundary of every object."""

from __future__ import annotations

import numpy as np
from every_head import HEADS
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.segmentation import find_boundaries

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


def test_border_target_outlines_every_object_from_inside():
    expected = [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 2, 2, 2, 2, 2, 2, 0],
        [0, 2, 1, 2, 2, 1, 2, 0],
        [0, 2, 2, 2, 2, 2, 2, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [2, 2, 2, 0, 0, 0, 0, 0],
        [1, 1, 2, 0, 0, 0, 0, 0],
    ]
    np.testing.assert_array_equal(HEADS["border"]([1]).target(SEMANTIC, INSTANCE), expected)


instances = hnp.arrays(
    np.uint32,
    hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=8),
    elements=st.integers(0, 3),
)


@given(instances)
@settings(max_examples=80, deadline=None)
def test_border_is_scikit_image_s_inner_boundary(instance):
    semantic = (instance > 0).astype(np.uint16)
    target = HEADS["border"]([1]).target(semantic, instance)
    expected = find_boundaries(instance, connectivity=1, mode="inner")
    np.testing.assert_array_equal(target == 2, expected)
    np.testing.assert_array_equal(target > 0, instance > 0)
