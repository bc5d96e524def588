"""What the numbers of a label map mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from septum.config.dataset import Dataset
from septum.data.store import VOID
from septum.data.store_attributes import LabelCounts
from septum.errors import SeptumError
from septum.stages.prepare.annotation import annotate, annotate_classes, annotate_pair


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
    assert found.counts == LabelCounts(objects=2, renumbered=True)
    assert read([[0, 2, 1]], "instance").counts == LabelCounts(objects=2, renumbered=False)


def test_the_one_class_keeps_its_declared_id():
    found = read([[0, 5]], "instance", {3: "nucleus"})
    assert found.semantic.tolist() == [[0, 3]]


def test_an_object_of_several_pieces_stays_one():
    assert read([[7, 0, 7, 0, 3]], "instance").instance.tolist() == [[2, 0, 2, 0, 1]]


def test_the_objects_of_a_binary_mask_are_its_connected_pieces():
    found = read([[255, 255, 0, 255], [0, 0, 255, 0]], "binary", {3: "nucleus"})
    assert found.instance.tolist() == [[1, 1, 0, 2], [0, 0, 3, 0]]
    assert found.semantic.tolist() == [[3, 3, 0, 3], [0, 0, 3, 0]]
    assert found.counts.objects == 3


@pytest.mark.parametrize("kind", ["instance", "binary", "semantic", "panoptic"])
def test_no_object_at_all_is_allowed(kind):
    found = read([[0, 0]], kind, {1: "cell"})
    assert found.semantic.tolist() == [[0, 0]]
    if kind != "semantic":
        assert found.instance.tolist() == [[0, 0]]
        assert found.counts.objects == 0


def test_semantic_numbers_are_classes():
    found = read([[0, 1, 255]], "semantic")
    assert found.semantic.tolist() == [[0, 1, 255]]
    assert found.instance is None


CLASSES = {1: {"name": "glia", "kind": "stuff"}, 2: "mitochondrion", 4: "profile"}


def test_panoptic_numbers_are_class_times_1000_plus_object():
    found = read([[0, 1000, 1007, 2001, 2005, 4001, 4000]], "panoptic", CLASSES)
    assert found.semantic.tolist() == [[0, 1, 1, 2, 2, 4, 4]]
    assert found.instance.tolist() == [[0, 0, 0, 1, 2, 3, 0]]
    # 1007 is of stuff; 1000 is its class alone
    assert found.counts == LabelCounts(objects=3, renumbered=True, unnumbered=1, ignored=1)


def test_objects_of_stuff_are_counted_once_each_and_void_is_none():
    numbers = [[1001, 1001, 1002, 1999, 2001, 255003, 1000, 0]]
    found = with_void(numbers, "panoptic", 255, CLASSES)
    assert (found.counts.objects, found.counts.ignored) == (1, 3)
    assert read([[1000, 2001, 0]], "panoptic", CLASSES).counts.ignored is None


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


# ---- void, and labels in more than one file


def with_void(numbers, kind, void, classes=None):
    spec = dataset(kind, classes).model_copy(update={"void": void})
    return annotate(np.array(numbers, np.uint32), spec, "ds", Path("l/a.tif"))


@pytest.mark.parametrize(
    ("numbers", "kind", "void", "semantic", "instance"),
    [
        ([[0, 3, 255, 9]], "instance", 255, [[0, 1, VOID, 1]], [[0, 1, 0, 2]]),
        # void between them leaves two pieces
        ([[1, 128, 1, 0]], "binary", 128, [[1, VOID, 1, 0]], [[1, 0, 2, 0]]),
        ([[0, 2, 65535]], "semantic", 65535, [[0, 2, VOID]], None),
        ([[0, 2, 1]], "semantic", 0, [[VOID, 2, 1]], None),
        ([[0, 2001, 255000, 255007]], "panoptic", 255, [[0, 2, VOID, VOID]], [[0, 1, 0, 0]]),
    ],
)
def test_void_is_of_no_class_and_no_object(numbers, kind, void, semantic, instance):
    classes = {1: "cell"} if kind in ("instance", "binary") else CLASSES
    found = with_void(numbers, kind, void, classes)
    assert found.semantic.tolist() == semantic
    assert instance is None or found.instance.tolist() == instance
    assert found.counts.void == sum(row.count(VOID) for row in semantic)


def pair(classes, objects, void="auto"):
    spec = dataset("panoptic", CLASSES).model_copy(update={"void": void})
    maps = np.array(classes, np.uint32), np.array(objects, np.uint32)
    return annotate_pair(*maps, spec, "ds", [Path("c/a.tif"), Path("o/a.tif")])


def test_a_map_of_classes_and_one_of_objects():
    found = pair([[0, 1, 2, 2, 2, 4]], [[0, 5, 900, 900, 0, 70000]])
    assert found.semantic.tolist() == [[0, 1, 2, 2, 2, 4]]
    assert found.instance.tolist() == [[0, 0, 1, 1, 0, 2]]
    assert found.counts == LabelCounts(objects=2, renumbered=True, unnumbered=1, ignored=1)
    assert (found.semantic.dtype, found.instance.dtype) == (np.uint16, np.uint32)


def test_what_of_an_object_is_void_is_none_of_it():
    found = pair([[2, 2, 255, 255, 4]], [[3, 3, 3, 8, 9]], void=255)
    assert found.semantic.tolist() == [[2, 2, VOID, VOID, 4]]
    assert found.instance.tolist() == [[1, 1, 0, 0, 2]]
    assert found.counts.void == 2


@pytest.mark.parametrize(
    ("classes", "objects", "what"),
    [
        ([[2, 4, 4]], [[6, 6, 6]], "the object 6 crosses classes in c/a.tif: 1 of 2, 2 of 4"),
        ([[2, 0]], [[6, 6]], "the object 6 crosses classes in c/a.tif: 1 of background, 1 of 2"),
        ([[0, 0, 2]], [[6, 6, 1]], "the object 6 has no class: its 2 pixels are 0 in c/a.tif"),
        (
            [[0, 0, 2, 4]],
            [[6, 5, 1, 1]],
            "the object 1 crosses classes in c/a.tif: 1 of 2, 1 of 4 pixels (and 2 more like it)",
        ),
    ],
)
def test_objects_of_no_class_or_several(classes, objects, what):
    with pytest.raises(SeptumError) as caught:
        pair(classes, objects)
    (problem,) = caught.value.problems
    assert problem.where == "o/a.tif"
    assert what in problem.what


def by_class(*maps, void="auto"):
    spec = dataset("panoptic", CLASSES).model_copy(update={"void": void})
    paths = [Path(f"{name}/a.tif") for name in ("glia", "mitochondrion", "profile")]
    return annotate_classes([np.array(m, np.uint32) for m in maps], spec, "a", paths)


def test_a_map_of_objects_for_each_class():
    found = by_class([[9, 0, 0, 0, 0]], [[0, 3, 0, 7, 0]], [[0, 0, 3, 0, 0]])
    assert found.semantic.tolist() == [[1, 2, 4, 2, 0]]
    assert found.instance.tolist() == [[0, 1, 3, 2, 0]]
    assert found.counts == LabelCounts(objects=3, renumbered=True, unnumbered=0)


def test_objects_in_the_map_of_a_stuff_class_are_counted():
    found = by_class([[9, 9, 4, 70000, 255, 0]], [[0] * 5 + [3]], [[0] * 6], void=255)
    assert found.semantic.tolist() == [[1, 1, 1, 1, VOID, 2]]
    assert (found.counts.objects, found.counts.ignored) == (1, 3)
    # one number, such as 255, is how a mask is kept
    assert by_class([[255, 255, 0]], [[0, 0, 1]], [[0] * 3]).counts.ignored is None


def test_void_in_any_map_is_void_and_no_overlap():
    found = by_class([[1, 255, 0]], [[0, 1, 1]], [[0, 0, 255]], void=255)
    assert found.semantic.tolist() == [[1, VOID, VOID]]
    assert found.instance.tolist() == [[0, 0, 0]]


def test_classes_that_overlap_are_named_with_case_and_pixels():
    with pytest.raises(SeptumError) as caught:
        by_class([[1, 1, 1, 0]], [[0, 1, 1, 0]], [[5, 0, 0, 5]])
    first, second = caught.value.problems
    assert first.where == "mitochondrion/a.tif"
    assert first.what == (
        "marks 2 pixels of the case 'a' as mitochondrion, which glia/a.tif marks as glia"
    )
    assert second.what.startswith("marks 1 pixels of the case 'a' as profile, which glia/a.tif")
