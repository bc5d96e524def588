"""Semantic and instance maps read as segments."""

from __future__ import annotations

import numpy as np
import pytest

from septum.errors import SeptumError
from septum.metrics.overlap import OverlapTable
from septum.metrics.pairs import count_pairs
from septum.metrics.segments import Segments


def test_segments_are_instances_of_things_and_classes_of_stuff():
    # class 1 is stuff, class 2 things; the ids 5 in stuff and background mean nothing
    semantic = np.array([0, 0, 1, 1, 2, 2, 2])
    instance = np.array([0, 5, 5, 0, 7, 8, 0])
    codes = Segments(semantic, instance, [2], "labels").codes(slice(None))
    assert codes.tolist() == [
        *[0, 0, 1 << 32, 1 << 32],
        *[2 << 32 | 7, 2 << 32 | 8, 2 << 32],
    ]
    table = OverlapTable.from_pairs(
        count_pairs(*[Segments(semantic, instance, [2], "labels")] * 2), things=[2]
    )
    assert list(zip(table.true_classes, table.true_ids, strict=True)) == [(1, 0), (2, 7), (2, 8)]
    assert table.true_areas.tolist() == [2, 1, 1]


def test_maps_must_fit():
    with pytest.raises(SeptumError, match="instance map and the semantic map"):
        Segments(np.zeros(4, int), np.zeros(5, int), [1], "labels")
    with pytest.raises(SeptumError, match="no instance map"):
        Segments(np.zeros(4, int), None, [1], "labels")
