from __future__ import annotations

import numpy as np
import pytest

from septum.stages.train import foreground
from septum.stages.train.foreground import (
    MAX_PIXELS_PER_CLASS,
    MAX_PIXELS_PER_THING,
    find_foreground,
)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_small_objects_are_drawn_as_often_as_large_ones():
    instance = np.zeros((40, 40), np.uint32)
    instance[:20] = 7
    instance[30, 30] = 9
    found = find_foreground((instance > 0).astype(np.uint16), instance, rng())
    random = rng(1)
    drawn = [found.draw(random) for _ in range(1000)]
    small = sum(pixel == (30, 30) for pixel in drawn)
    assert 420 < small < 580
    assert all(instance[pixel] > 0 for pixel in drawn)


def test_rare_classes_are_drawn_as_often_as_common_ones():
    instance = np.arange(1, 901, dtype=np.uint32).reshape(30, 30)
    semantic = np.ones((30, 30), np.uint16)
    semantic[0, :2] = 5
    found = find_foreground(semantic, instance, rng())
    random = rng(1)
    classes = [int(semantic[found.draw(random)]) for _ in range(1000)]
    assert 420 < classes.count(5) < 580


def test_stuff_counts_as_one_object_of_its_class():
    semantic = np.array([[1, 1, 2, 2, 2, 0]], np.uint16)
    instance = np.array([[1, 2, 0, 0, 0, 0]], np.uint32)
    found = find_foreground(semantic, instance, rng())
    assert found.classes.tolist() == [1, 1, 2]
    assert found.starts.tolist() == [0, 1, 2, 5]
    assert sorted(found.positions.tolist()) == [0, 1, 2, 3, 4]


def test_the_sample_of_an_object_is_bounded_and_lies_on_it():
    instance = np.repeat(np.array([[1], [2]], np.uint32), 3000, axis=1)
    found = find_foreground(np.ones_like(instance), instance, rng())
    assert np.diff(found.starts).tolist() == [MAX_PIXELS_PER_THING, MAX_PIXELS_PER_THING]
    first = found.positions[:MAX_PIXELS_PER_THING]
    assert len(set(first.tolist())) == MAX_PIXELS_PER_THING
    assert first.max() < 3000
    # spread over the object, not the first pixels of it
    assert first.max() > 2000

    found = find_foreground(np.ones((100, 100), np.uint16), None, rng())
    assert len(found.positions) == MAX_PIXELS_PER_CLASS


def test_slabs_change_nothing(monkeypatch):
    random = rng(3)
    instance = random.integers(0, 6, (23, 9, 11)).astype(np.uint32)
    semantic = np.where(instance > 3, 2, np.minimum(instance, 1)).astype(np.uint16)
    whole = find_foreground(semantic, instance, rng(4))
    monkeypatch.setattr(foreground, "SLAB_VOXELS", 2 * 9 * 11)
    pieces = find_foreground(semantic, instance, rng(4))
    assert np.array_equal(whole.positions, pieces.positions)
    assert np.array_equal(whole.starts, pieces.starts)
    assert np.array_equal(whole.classes, pieces.classes)


@pytest.mark.parametrize("instance", [None, np.zeros((5, 5), np.uint32)])
def test_a_case_without_objects_draws_none(instance):
    found = find_foreground(np.zeros((5, 5), np.uint16), instance, rng())
    assert found.draw(rng()) is None
