"""The border target: the one-pixel inner boundary of every object."""

from __future__ import annotations

import numpy as np
from every_head import HEADS
from hypothesis import given, settings
from skimage.segmentation import find_boundaries
from small_labels import INSTANCE, SEMANTIC, instances


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


@given(instances)
@settings(max_examples=80, deadline=None)
def test_border_is_scikit_image_s_inner_boundary(instance):
    semantic = (instance > 0).astype(np.uint16)
    target = HEADS["border"]([1]).target(semantic, instance)
    expected = find_boundaries(instance, connectivity=1, mode="inner")
    np.testing.assert_array_equal(target == 2, expected)
    np.testing.assert_array_equal(target > 0, instance > 0)
