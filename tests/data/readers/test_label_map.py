"""Label maps: what is a whole number, how objects are renumbered and parted from classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from septum.data.readers.label_map import renumber, split_panoptic, whole_numbers
from septum.errors import SeptumError

PATH = Path("l.tif")


@pytest.mark.parametrize(
    ("labels", "dtype"),
    [
        (np.array([0.0, 3.0], np.float32), np.uint32),
        (np.array([True, False]), np.uint32),
        (np.array([0, 7], np.int16), np.uint32),
        (np.array([0, 2**32 - 1], np.uint64), np.uint32),
        (np.array([0, 2**32], np.int64), np.uint64),
        (np.zeros((0, 3), np.int8), np.uint32),
    ],
)
def test_whole_numbers(labels, dtype):
    numbers = whole_numbers(labels, PATH)
    assert numbers.dtype == dtype
    assert numbers.tolist() == labels.tolist()


@pytest.mark.parametrize(
    ("labels", "what"),
    [
        (np.array([0.5, 1.0]), r"labels that are no whole numbers \(0.5 at 1 pixels\)"),
        (np.array([np.nan, np.inf]), r"labels that are no whole numbers \(nan at 2 pixels\)"),
        (np.array([1j]), "labels of type complex128"),
        (np.array([-2, 1, -1]), r"negative labels \(-2 and 2 pixels below 0\)"),
        (np.array([2**63], np.uint64), "labels up to 9223372036854775808"),
    ],
)
def test_what_is_no_label(labels, what):
    with pytest.raises(SeptumError, match=rf"l\.tif: holds {what}"):
        whole_numbers(labels, PATH)


@pytest.mark.parametrize("scale", [1, 2**20, 2**40])
def test_gaps_are_closed_in_the_order_of_the_ids(scale):
    labels = np.array([[0, 9, 9], [4, 0, 9], [4, 7, 0]], np.uint64) * np.uint64(scale)
    numbered, count = renumber(labels)
    assert (numbered.tolist(), count) == ([[0, 3, 3], [1, 0, 3], [1, 2, 0]], 3)
    assert numbered.dtype == np.uint32


def test_nothing_to_number():
    assert renumber(np.zeros((2, 2), np.uint32))[1] == 0
    assert renumber(np.zeros((0, 2), np.uint32))[0].shape == (0, 2)


def test_classes_and_objects():
    classes, objects = split_panoptic(np.array([0, 1000, 1001, 2001, 7]))
    assert classes.tolist() == [0, 1, 1, 2, 0]
    assert objects.tolist() == [0, 0, 1001, 2001, 7]
