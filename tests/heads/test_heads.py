"""Training targets: literal label maps first, then rules that hold for all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.segmentation import find_boundaries

from septum.errors import SeptumError
from septum.heads.heads import HEADS

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


def test_class_ids_become_channels_in_ascending_order():
    semantic = np.array([[0, 7, 7, 300, 2]], np.uint16)
    for head in HEADS.values():
        np.testing.assert_array_equal(head([300, 2, 7]).target(semantic, None), [[0, 2, 2, 3, 1]])


def test_stuff_keeps_its_channel_beside_things():
    semantic = np.array([[5, 5, 1, 1, 1]], np.uint16)  # 5 is stuff, without instances
    instance = np.array([[0, 0, 1, 1, 1]], np.uint32)
    np.testing.assert_array_equal(
        HEADS["border"]([1, 5]).target(semantic, instance), [[2, 2, 3, 1, 1]]
    )
    np.testing.assert_array_equal(
        HEADS["semantic"]([1, 5]).target(semantic, instance), [[2, 2, 1, 1, 1]]
    )


@pytest.mark.parametrize("strange", [3, 8, 9, 65534])
def test_undeclared_classes_are_named(strange):
    semantic = np.array([[0, 2, strange]], np.uint16)
    with pytest.raises(SeptumError, match=f"the class {strange}, which"):
        HEADS["semantic"]([2, 7]).target(semantic, None)


def test_labels_are_left_as_they_were():
    semantic, instance = SEMANTIC.copy(), INSTANCE.copy()
    for head in HEADS.values():
        head([1]).target(semantic, instance)
    np.testing.assert_array_equal(semantic, SEMANTIC)
    np.testing.assert_array_equal(instance, INSTANCE)


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


@given(instances, st.data())
@settings(max_examples=60, deadline=None)
def test_a_window_s_target_is_the_target_s_window(instance, data):
    # training reads large cases window by window and relies on it
    window = tuple(
        slice(*sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n)))))
        for n in instance.shape
    )
    wide = tuple(slice(max(0, w.start - 1), w.stop + 1) for w in window)
    inner = tuple(
        slice(w.start - v.start, w.stop - v.start) for w, v in zip(window, wide, strict=True)
    )
    semantic = (instance > 0).astype(np.uint16)
    for head in HEADS.values():
        whole = head([1]).target(semantic, instance)
        part = head([1]).target(semantic[wide], instance[wide])
        np.testing.assert_array_equal(part[inner], whole[window])


@pytest.mark.parametrize(("head", "extra"), [("semantic", 1), ("border", 2)])
def test_channels_hold_every_target(head, extra):
    assert HEADS[head].channels(4) == 4 + extra
    instance = np.arange(1, 26, dtype=np.uint32).reshape(5, 5).repeat(4, 0).repeat(4, 1)
    semantic = ((instance % 5) * (instance % 4 > 0)).astype(np.uint16)
    target = HEADS[head](range(1, 5)).target(semantic, np.where(semantic, instance, 0))
    assert set(np.unique(target)) == set(range(4 + extra))
