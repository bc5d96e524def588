"""What the numbers of a label map mean: classes and objects.

``annotation: instance``
    Each number is an object of the one class.
``annotation: binary``
    0 is background, everything else foreground; each connected piece of it (through faces) is
    an object of the one class.
``annotation: semantic``
    Each number is a class.
``annotation: panoptic``
    ``class × 1000 + object``; object 0 is the class as a whole (stuff). Of a class declared
    as stuff the object part is ignored; pixels of a thing that carry no object number keep
    their class and belong to no object. Up to 999 objects a class.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from septum.config import Dataset
from septum.errors import fail
from septum.readers.labelmap import DIVISOR, renumber, split_panoptic

MAX_CLASS = 2**16 - 1
_NAMED = 5  # ids a message lists


@dataclass(frozen=True)
class Annotation:
    """The two label maps of a case, and what was counted on the way.

    Parameters
    ----------
    semantic : array (*spatial) of uint16, optional
    instance : array (*spatial) of uint32, optional
    counts : dict
        ``objects``; ``renumbered``: whether ids had gaps; ``unnumbered``: pixels of things
        without an object number.
    """

    semantic: np.ndarray | None
    instance: np.ndarray | None
    counts: dict[str, Any]


def annotate(labels: np.ndarray, dataset: Dataset, dataset_name: str, path: Path) -> Annotation:
    """Turn a label map as read from its file into classes and objects.

    Parameters
    ----------
    labels : array (*spatial) of unsigned int
    dataset : Dataset
        Says what the numbers mean.
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
        if dataset.annotation == "binary":
            labels = ndimage.label(labels > 0)[0]
        instance, count = renumber(labels)
        semantic = np.where(instance > 0, only, 0).astype(np.uint16)
        counts = {"objects": count, "renumbered": bool(labels.max(initial=0) > count)}
        return Annotation(semantic, instance, counts)
    if dataset.annotation == "semantic":
        return Annotation(_classes(labels, dataset, key, path), None, {})
    return _panoptic(labels, dataset, key, path)


def _panoptic(labels: np.ndarray, dataset: Dataset, key: str, path: Path) -> Annotation:
    classes, objects = split_panoptic(labels)
    if np.any((classes == 0) & (objects > 0)):
        number = int(objects[classes == 0].max())
        what = f"holds the number {number}, which names an object but no class"
        raise fail(path, what, f"write class × {DIVISOR} + object, and 0 for background")
    semantic = _classes(classes, dataset, key, path)
    things = [number for number, spec in (dataset.classes or {}).items() if spec.kind == "thing"]
    is_thing = np.isin(semantic, things)
    instance, count = renumber(np.where(is_thing, objects, 0))
    counts = {
        "objects": count,
        "renumbered": True,
        "unnumbered": int((is_thing & (instance == 0)).sum()),
    }
    return Annotation(semantic, instance, counts)


def _only_class(dataset: Dataset, key: str) -> int:
    """Return the class of all objects: the one that is declared, or 1."""
    if not dataset.classes:
        return 1
    if len(dataset.classes) > 1:
        kind = f"`annotation: {dataset.annotation}`"
        what = f"declares {len(dataset.classes)} classes, but {kind} tells no class"
        remedy = f"declare one, or use `annotation: panoptic` (class × {DIVISOR} + object)"
        raise fail(key, what, remedy)
    (number, spec) = next(iter(dataset.classes.items()))
    if spec.kind != "thing":
        kind = f"`annotation: {dataset.annotation}`"
        what = f"declares class {number} as stuff, but {kind} is of things"
        raise fail(key, what, "say `kind: thing`, or use `annotation: semantic`")
    return number


def _classes(numbers: np.ndarray, dataset: Dataset, key: str, path: Path) -> np.ndarray:
    """Return class ids as uint16, all of them declared (if any is)."""
    present = np.flatnonzero(np.bincount(numbers.ravel())) if _fits(numbers) else np.unique(numbers)
    known = set(dataset.classes) if dataset.classes else set(range(MAX_CLASS + 1))
    strange = [int(number) for number in present if number and int(number) not in known]
    if strange:
        shown = ", ".join(map(str, strange[:_NAMED])) + (", …" if len(strange) > _NAMED else "")
        several = "class ids that are" if len(strange) > 1 else "a class id that is"
        what = f"holds {several} not declared: {shown}"
        raise fail(path, what, f"declare it in {key}, or correct the file")
    return numbers.astype(np.uint16)


def _fits(numbers: np.ndarray) -> bool:
    return bool(numbers.max(initial=0) <= MAX_CLASS)
