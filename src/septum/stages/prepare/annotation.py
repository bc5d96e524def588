"""Conversion of the numbers in label maps to classes and objects.

``annotation: instance``
    Each number is an object; there is one class.
``annotation: binary``
    0 is background, all other numbers are foreground. Each connected component of the
    foreground (connected through faces) is an object; there is one class.
``annotation: semantic``
    Each number is a class.
``annotation: panoptic``
    Numbers are ``class × 1000 + object``, with object 0 for stuff and up to 999 objects a class.
    Object numbers of a class declared as stuff are ignored; pixels of a thing with object
    number 0 keep their class and belong to no object. Other layouts are a map of classes and a
    map of objects (`annotate_pair`), a map of objects for each class (`annotate_classes`), and
    COCO's (`septum.stages.prepare.coco_labels`).

Pixels with the number declared as ``void`` become `septum.data.store.VOID` and belong to no object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from septum.config.dataset import Dataset
from septum.data.readers.label_map import DIVISOR, renumber, split_panoptic
from septum.data.store import VOID
from septum.data.store_attributes import LabelCounts
from septum.errors import Problem, Problems, SeptumError, problem

MAX_CLASS = VOID - 1
MAX_IDS_IN_MESSAGE = 5


@dataclass(frozen=True)
class Annotation:
    """The two label maps of a case, and counts of its labels.

    Parameters
    ----------
    semantic : array (*spatial) of uint16, optional
    instance : array (*spatial) of uint32, optional
    counts : LabelCounts
    """

    semantic: np.ndarray | None
    instance: np.ndarray | None
    counts: LabelCounts


def annotate(labels: np.ndarray, dataset: Dataset, dataset_name: str, path: Path) -> Annotation:
    """Turn a label map as read from its file into classes and objects.

    Parameters
    ----------
    labels : array (*spatial) of unsigned int
    dataset : Dataset
        Declares the meaning of the numbers.
    dataset_name, path
        For messages.

    Raises
    ------
    SeptumError
        If a class is not declared, or the declaration does not fit the kind of annotation.
    """
    key = f"datasets.{dataset_name}.classes"
    if dataset.annotation in ("instance", "binary"):
        only = _only_class(dataset, key)
        void = labels == dataset.void_number
        labels = np.where(void, 0, labels)
        if dataset.annotation == "binary":
            labels = ndimage.label(labels > 0)[0]
        instance, count = renumber(labels)
        semantic = np.where(instance > 0, only, 0).astype(np.uint16)
        semantic[void] = VOID
        had_gaps = bool(labels.max(initial=0) > count)
        counts = LabelCounts(objects=count, renumbered=had_gaps, void=count_void(semantic))
        return Annotation(semantic, instance, counts)
    if dataset.annotation == "semantic":
        semantic = _classes(labels, dataset, key, path)
        return Annotation(semantic, None, LabelCounts(void=count_void(semantic)))
    return _panoptic(labels, dataset, key, path)


def annotate_pair(
    classes: np.ndarray,
    objects: np.ndarray,
    dataset: Dataset,
    dataset_name: str,
    paths: Sequence[Path],
) -> Annotation:
    """Turn a map of classes and a map of objects of one shape into an annotation.

    Parameters
    ----------
    classes, objects : arrays (*spatial) of unsigned int
        Objects of a stuff class are ignored, and void pixels are removed from their object.
    dataset : Dataset
    dataset_name, paths
        For messages: the file of each map.

    Raises
    ------
    SeptumError
        If a class is not declared, or an object has no class or several.
    """
    semantic = _classes(classes, dataset, f"datasets.{dataset_name}.classes", paths[0])
    numbered, count = renumber(np.where(semantic == VOID, 0, objects))
    kind = np.zeros(count + 1, np.uint16)
    kind[numbered] = semantic
    kind[0] = 0
    strange = (numbered > 0) & ((kind[numbered] != semantic) | (semantic == 0))
    if strange.any():
        raise SeptumError(_stray(objects, numbered, semantic, strange, paths))
    return _numbered(semantic, np.isin(semantic, _things(dataset)), objects)


def annotate_classes(
    maps: Sequence[np.ndarray], dataset: Dataset, case: str, paths: Sequence[Path]
) -> Annotation:
    """Turn maps of the objects of each class, of one shape, into an annotation.

    Parameters
    ----------
    maps : sequence of arrays (*spatial) of unsigned int
        One map for each declared class, in the order of their ids. In the map of a stuff class
        all numbers but 0 mean the class.
    dataset : Dataset
    case, paths
        For messages: the name of the case, and the file of each map.

    Raises
    ------
    SeptumError
        With every pair of classes that share pixels.
    """
    classes = sorted((dataset.classes or {}).items())
    semantic = np.zeros(maps[0].shape, np.uint16)
    instance = np.zeros(maps[0].shape, np.uint32)
    void = np.logical_or.reduce([labels == dataset.void_number for labels in maps])
    problems = Problems()
    count, ignored, renumbered = 0, 0, False
    for (number, spec), labels, path in zip(classes, maps, paths, strict=True):
        labels = np.where(void, 0, labels)
        inside = labels > 0
        for (earlier_number, earlier_spec), other_path in zip(classes, paths, strict=True):
            shared = int((semantic[inside] == earlier_number).sum())
            if shared:
                what = (
                    f"marks {shared} pixels of the case {case!r} as {spec.name}, which {other_path}"
                )
                remedy = "give each pixel one class, or mark it as `void`"
                problems.add(path, f"{what} marks as {earlier_spec.name}", remedy)
        semantic[inside] = number
        ids, objects = renumber(labels)
        if spec.kind == "stuff":
            ignored += objects if objects > 1 else 0  # one number, such as 255, is a plain mask
        else:
            renumbered |= int(labels.max(initial=0)) > objects
            instance[inside] = ids[inside] + np.uint32(count)
            count += objects
    problems.raise_if_any()
    semantic[void] = VOID
    counts = LabelCounts(
        objects=count,
        renumbered=renumbered,
        unnumbered=0,
        ignored=ignored or None,
        void=count_void(semantic),
    )
    return Annotation(semantic, instance, counts)


def count_void(semantic: np.ndarray) -> int | None:
    """Return the number of void pixels; None if there are none."""
    return int((semantic == VOID).sum()) or None


def _panoptic(labels: np.ndarray, dataset: Dataset, key: str, path: Path) -> Annotation:
    classes, objects = split_panoptic(labels)
    if np.any((classes == 0) & (objects > 0)):
        number = int(objects[classes == 0].max())
        what = f"holds the number {number}, which names an object but no class"
        raise problem(path, what, f"write class × {DIVISOR} + object, and 0 for background")
    semantic = _classes(classes, dataset, key, path)
    return _numbered(semantic, np.isin(semantic, _things(dataset)), objects)


def _things(dataset: Dataset) -> list[int]:
    return [number for number, spec in (dataset.classes or {}).items() if spec.kind == "thing"]


def _numbered(semantic: np.ndarray, is_thing: np.ndarray, objects: np.ndarray) -> Annotation:
    """Return an annotation with the objects of things; objects of stuff are only counted."""
    instance, count = renumber(np.where(is_thing, objects, 0))
    ignored = renumber(np.where(is_thing | (semantic == VOID), 0, objects))[1]
    counts = LabelCounts(
        objects=count,
        renumbered=True,
        unnumbered=int((is_thing & (instance == 0)).sum()),
        ignored=ignored or None,
        void=count_void(semantic),
    )
    return Annotation(semantic, instance, counts)


def _stray(
    objects: np.ndarray,
    numbered: np.ndarray,
    semantic: np.ndarray,
    strange: np.ndarray,
    paths: Sequence[Path],
) -> Problem:
    """Return the problem of objects with no class or several, naming the one of lowest id."""
    wrong = np.unique(numbered[strange])
    number, name = wrong[0], int(objects[numbered == wrong[0]][0])
    more = f" (and {wrong.size - 1} more like it)" if wrong.size > 1 else ""
    class_ids, pixels = np.unique(semantic[numbered == number], return_counts=True)
    if class_ids.size > 1:
        parts = [f"{n} of {i or 'background'}" for i, n in zip(class_ids, pixels, strict=True)]
        what = f"the object {name} crosses classes in {paths[0]}: {', '.join(parts)} pixels"
        remedy = "give all pixels of an object one class, or an object number to each part"
    else:
        what = f"the object {name} has no class: its {pixels[0]} pixels are 0 in {paths[0]}"
        remedy = "write the class of the object into the class map, or take the object out"
    return Problem(str(paths[1]), what + more, remedy)


def _only_class(dataset: Dataset, key: str) -> int:
    """Return the class of all objects: the declared one, or 1."""
    if not dataset.classes:
        return 1
    if len(dataset.classes) > 1:
        kind = f"`annotation: {dataset.annotation}`"
        what = f"declares {len(dataset.classes)} classes, but {kind} tells no class"
        remedy = f"declare one, or use `annotation: panoptic` (class × {DIVISOR} + object)"
        raise problem(key, what, remedy)
    (number, spec) = next(iter(dataset.classes.items()))
    if spec.kind != "thing":
        kind = f"`annotation: {dataset.annotation}`"
        what = f"declares class {number} as stuff, but {kind} is of things"
        raise problem(key, what, "say `kind: thing`, or use `annotation: semantic`")
    return number


def _classes(numbers: np.ndarray, dataset: Dataset, key: str, path: Path) -> np.ndarray:
    """Return class ids and `VOID` as uint16; raise if an id is not among declared classes."""
    present = np.flatnonzero(np.bincount(numbers.ravel())) if _fits(numbers) else np.unique(numbers)
    declared = set(dataset.classes) if dataset.classes else set(range(MAX_CLASS + 1))
    declared |= {0, dataset.void_number}
    undeclared = [int(number) for number in present if int(number) not in declared]
    if undeclared:
        shown = ", ".join(map(str, undeclared[:MAX_IDS_IN_MESSAGE]))
        shown += ", …" if len(undeclared) > MAX_IDS_IN_MESSAGE else ""
        several = "class ids that are" if len(undeclared) > 1 else "a class id that is"
        what = f"holds {several} not declared: {shown}"
        raise problem(path, what, f"declare it in {key}, or as `void`, or correct the file")
    return np.where(numbers == dataset.void_number, VOID, numbers).astype(np.uint16)


def _fits(numbers: np.ndarray) -> bool:
    return bool(numbers.max(initial=0) <= MAX_CLASS)
