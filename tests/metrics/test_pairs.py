"""How many pixels carry each pair of labels."""

from __future__ import annotations

import numpy as np
import pytest

from septum.errors import SeptumError
from septum.metrics.pairs import LabelMap, count_pairs


def test_pairs_by_hand():
    true, pred = np.array([0, 1, 1, 2, 2, 2]), np.array([0, 0, 5, 5, 5, 7])
    pairs = count_pairs(true, pred)
    counted = zip(pairs.true.tolist(), pairs.pred.tolist(), pairs.pixels.tolist(), strict=True)
    assert list(counted) == [(0, 0, 1), (1, 0, 1), (1, 5, 1), (2, 5, 2), (2, 7, 1)]
    assert pairs.void_pred.size == 0


def test_void_pixels_are_counted_apart():
    true, pred = np.array([1, 1, 1, 0]), np.array([5, 5, 0, 5])
    pairs = count_pairs(true, pred, np.array([True, False, False, True]))
    counted = zip(pairs.true.tolist(), pairs.pred.tolist(), pairs.pixels.tolist(), strict=True)
    assert list(counted) == [(1, 0, 1), (1, 5, 1)]
    assert (pairs.void_pred.tolist(), pairs.void_pixels.tolist()) == ([5], [2])


def test_many_pairs_over_several_blocks_equal_a_sort():
    # 3 million pixels, read in blocks, and more pairs than the first hash table holds
    rng = np.random.default_rng(5)
    true = rng.integers(0, 300, (3, 1000, 1000)).astype(np.uint16)
    pred = rng.integers(0, 200, (3, 1000, 1000)).astype(np.int32)
    codes, pixels = np.unique(true.astype(np.int64) * 200 + pred, return_counts=True)
    pairs = count_pairs(true, pred)
    assert (pairs.true.astype(np.int64) * 200 + pairs.pred.astype(np.int64)).tolist() == (
        codes.tolist()
    )
    assert pairs.pixels.tolist() == pixels.tolist()


def test_shapes_must_agree():
    with pytest.raises(SeptumError, match=r"predicted labels.*\(3,\).*\(4,\)"):
        count_pairs(np.zeros(4, int), np.zeros(3, int))
    with pytest.raises(SeptumError, match="void mask"):
        count_pairs(np.zeros(4, int), np.zeros(4, int), np.zeros(5, bool))


def test_a_list_is_a_label_map():
    assert LabelMap([1, 2, 3], "labels").shape == (3,)
