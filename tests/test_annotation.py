"""What the numbers of a label map mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from septum.annotation import annotate
from septum.config import Dataset
from septum.errors import SeptumError


def dataset(annotation: str, classes: dict | None = None) -> Dataset:
    return Dataset(
        images="i/{case}.tif", labels="l/{case}.tif", annotation=annotation, classes=classes
    )


def read(numbers, kind, classes=None):
    return annotate(np.array(numbers, np.uint32), dataset(kind, classes), "ds", Path("l/a.tif"))


def test_objects_are_numbered_without_gaps_and_are_of_one_class():
    found = read([[0, 9, 9], [4209, 0, 9]], "instance")
    assert found.instance.tolist() == [[0, 1, 1], [2, 0, 1]]
    assert found.semantic.tolist() == [[0, 1, 1], [1, 0, 1]]
    assert (found.instance.dtype, found.semantic.dtype) == (np.uint32, np.uint16)
    assert found.counts == {"objects": 2, "renumbered": True}
    assert read([[0, 2, 1]], "instance").counts == {"objects": 2, "renumbered": False}


def test_the_one_class_keeps_its_declared_id():
    found = read([[0, 5]], "instance", {3: "nucleus"})
    assert found.semantic.tolist() == [[0, 3]]


def test_an_object_of_several_pieces_stays_one():
    assert read([[7, 0, 7, 0, 3]], "instance").instance.tolist() == [[2, 0, 2, 0, 1]]


def test_the_objects_of_a_binary_mask_are_its_connected_pieces():
    found = read([[255, 255, 0, 255], [0, 0, 255, 0]], "binary", {3: "nucleus"})
    assert found.instance.tolist() == [[1, 1, 0, 2], [0, 0, 3, 0]]
    assert found.semantic.tolist() == [[3, 3, 0, 3], [0, 0, 3, 0]]
    assert found.counts["objects"] == 3


@pytest.mark.parametrize("kind", ["instance", "binary", "semantic", "panoptic"])
def test_no_object_at_all_is_allowed(kind):
    found = read([[0, 0]], kind, {1: "cell"})
    assert found.semantic.tolist() == [[0, 0]]
    if kind != "semantic":
        assert found.instance.tolist() == [[0, 0]]
        assert found.counts["objects"] == 0


def test_semantic_numbers_are_classes():
    found = read([[0, 1, 255]], "semantic")
    assert found.semantic.tolist() == [[0, 1, 255]]
    assert found.instance is None


CLASSES = {1: {"name": "glia", "kind": "stuff"}, 2: "mitochondrion", 4: "profile"}


def test_panoptic_numbers_are_class_times_1000_plus_object():
    found = read([[0, 1000, 1007, 2001, 2005, 4001, 4000]], "panoptic", CLASSES)
    assert found.semantic.tolist() == [[0, 1, 1, 2, 2, 4, 4]]
    assert found.instance.tolist() == [[0, 0, 0, 1, 2, 3, 0]]
    assert found.counts == {"objects": 3, "renumbered": True, "unnumbered": 1}


@pytest.mark.parametrize(
    ("numbers", "kind", "classes", "where", "message"),
    [
        ([[0, 3, 9]], "semantic", {1: "a"}, "l/a.tif", "class ids that are not declared: 3, 9"),
        ([[0, 3]], "semantic", {1: "a"}, "l/a.tif", "a class id that is not declared: 3"),
        ([[0, 70000]], "semantic", None, "l/a.tif", "not declared: 70000"),
        ([list(range(9))], "semantic", {1: "a"}, "l/a.tif", "not declared: 2, 3, 4, 5, 6, …"),
        ([[3001]], "panoptic", CLASSES, "l/a.tif", "not declared: 3"),
        ([[1, 2, 5]], "panoptic", CLASSES, "l/a.tif", "holds the number 5, which names an object"),
        ([[1]], "instance", {1: "a", 2: "b"}, "datasets.ds.classes", "declares 2 classes"),
        (
            [[1]],
            "instance",
            {1: {"name": "a", "kind": "stuff"}},
            "datasets.ds.classes",
            "declares class 1 as stuff",
        ),
    ],
)
def test_errors(numbers, kind, classes, where, message):
    with pytest.raises(SeptumError) as caught:
        read(numbers, kind, classes)
    (problem,) = caught.value.problems
    assert problem.where == where
    assert message in problem.what
    if "not declared" in message:
        assert "datasets.ds.classes" in problem.remedy
