"""What the targets of all heads have in common."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from every_head import HEADS
from hypothesis import given, settings
from hypothesis import strategies as st
from small_labels import INSTANCE, SEMANTIC, instances

from septum.config import registry
from septum.errors import SeptumError
from septum.heads.base import head_class
from septum.heads.distance import Distance
from septum.heads.flows import Flows
from septum.heads.stardist import Stars


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


def test_the_registry_knows_which_heads_need_objects():
    for name, record in registry.HEADS.items():
        assert record.needs_objects == (HEADS[name].regression is not None), name


def test_an_unknown_head_is_named_with_those_there_are():
    with pytest.raises(SeptumError, match="no head 'heart'"):
        head_class("heart")


ALL = [Distance, Flows, Stars]


def _labels(ndim):
    labels = np.zeros((12,) * ndim, int)
    labels[(slice(1, 8),) * ndim] = 1
    labels[(slice(8, 11), *(slice(2, 10),) * (ndim - 1))] = 2
    return labels


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("kind", ALL)
def test_targets_have_the_channels_announced(kind, ndim):
    target = kind.target(_labels(ndim), (1.0,) * ndim)
    assert target.dtype == np.float32
    assert target.shape == (kind.channels(ndim), *(12,) * ndim)


@pytest.mark.parametrize("kind", ALL)
def test_unknown_pixels_do_not_count(kind):
    target = torch.from_numpy(kind.target(_labels(2), (1.0, 1.0)))[None]
    known = torch.zeros(1, 12, 12, dtype=torch.bool)
    known[:, :, :6] = True
    outputs = torch.randn(1, kind.channels(2), 12, 12)
    other = outputs.clone()
    other[..., 6:] += 3
    assert kind.losses(outputs, target, known) == kind.losses(other, target, known)
    nowhere = kind.losses(outputs, target, torch.zeros_like(known))
    assert all(float(loss) == 0 for loss in nowhere.values())


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("flips", [(), (0,), (1,), (0, 1)])
def test_targets_of_a_turned_image_are_turned_back(kind, order, flips):
    rng = np.random.default_rng(3)
    labels = _labels(2) * (rng.random((12, 12)) < 0.95)  # nothing symmetric
    straight = kind.target(labels, (1.0, 1.0))
    turned = kind.target(np.flip(labels.transpose(order), flips).copy(), (1.0, 1.0))
    index, sign = kind.undo_symmetry(2, order, flips)
    back = turned[index] * np.reshape(sign, (-1, 1, 1))
    axes = [1 + axis for axis in flips]
    back = np.flip(back, axes).transpose(0, *(1 + order.index(axis) for axis in range(2)))
    # a turn changes which of two equals comes first: the middle pixel of an object, and the
    # side by which a diagonal ray passes a corner
    close = np.isclose(back, straight, atol=1e-4)
    assert close.mean() > (0.8 if kind is Flows else 0.99)
