"""The scored objects of cases, and their file."""

from __future__ import annotations

import numpy as np
import pytest
from scored import line, objects_of

from septum.errors import SeptumError
from septum.metrics.objects import pool, read_objects

TRUE = line((1, 8), (0, 2), (2, 8), (0, 2), (3, 8), (0, 8))
# 1 found whole, 3 by 5 of its 8 pixels, 2 missed, 2' where there is nothing
PRED = line((1, 8), (0, 12), (3, 5), (0, 3), (2, 8))


def test_objects_and_pairs_by_hand():
    objects = objects_of(TRUE, PRED, [0.9, 0.8, 0.7])
    assert objects.true_areas.tolist() == [8, 8, 8]
    assert objects.pred_areas.tolist() == [8, 8, 5]
    assert objects.scores.tolist() == [0.9, 0.8, 0.7]
    assert objects.true_classes.tolist() == objects.pred_classes.tolist() == [1, 1, 1]
    # 1 with 1 wholly, 3 with 3 by 5 of 8 pixels, in masks as in boxes
    assert (objects.mask_rows.tolist(), objects.mask_cols.tolist()) == ([0, 2], [0, 2])
    assert objects.mask_ious.tolist() == objects.box_ious.tolist() == [1.0, 0.625]
    assert objects.pred_box_areas.tolist() == [8, 8, 5]
    assert objects.ignored.tolist() == [False] * 3


def test_cases_that_are_pooled_are_counted_on():
    pooled = pool([objects_of(TRUE, PRED), None, objects_of(TRUE, PRED)])
    assert pooled.true_case.tolist() == [0, 0, 0, 2, 2, 2]
    assert pooled.mask_rows.tolist() == [0, 2, 3, 5]


def test_every_instance_needs_a_score():
    with pytest.raises(SeptumError, match="holds 2 scores, and an instance 3"):
        objects_of(TRUE, PRED, [0.9, 0.8])


def test_objects_come_back_from_their_file(tmp_path):
    pooled = pool([objects_of(TRUE, PRED, [0.9, 0.8, 0.7]), None])
    for name in ("a.npz", "b.npz"):
        pooled.save(tmp_path / name)
    back = read_objects(tmp_path / "a.npz")
    for name, array in vars(pooled).items():
        np.testing.assert_array_equal(getattr(back, name), array)
        assert getattr(back, name).dtype == array.dtype
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(b"PK")
    for name in ("a.npz", "c.npz"):
        with pytest.raises(SeptumError, match="holds no scored objects"):
            read_objects(tmp_path / name)
