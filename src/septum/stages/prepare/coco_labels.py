"""Conversion of COCO's segments (`septum.data.readers.coco_panoptic`) to classes and objects.

A segment of a thing is an object, a segment of stuff a region of its class. Regions that are
marked ``iscrowd`` and pixels without a label (id 0) are void. Categories become classes; if
classes are declared, categories are assigned to them by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from septum.config.dataset import Dataset
from septum.config.schema import ClassSpec
from septum.data.readers.coco_panoptic import Segments
from septum.data.readers.label_map import renumber
from septum.data.store import VOID
from septum.data.store_attributes import LabelCounts
from septum.errors import Problem, Problems, SeptumError, nearest, problem
from septum.stages.prepare.annotation import MAX_CLASS, Annotation, count_void

MAX_IDS_IN_MESSAGE = 5


def annotate_segments(
    ids: np.ndarray, segments: Segments, dataset: Dataset, dataset_name: str, path: Path
) -> Annotation:
    """Turn the segment ids of an image into an annotation.

    Parameters
    ----------
    ids : array (*spatial) of unsigned int
    segments : Segments
    dataset : Dataset
        Its ``void`` names a category; if it is ``none``, pixels of id 0 are background.
    dataset_name : str
        For messages.
    path : Path
        File of the ids, by whose name ``segments`` lists the image.

    Returns
    -------
    Annotation
        If no classes are declared, ``counts.classes`` holds the categories.

    Raises
    ------
    SeptumError
        If the JSON has no annotation of the image, other segments than the image, or other
        categories than the declared classes.
    """
    key = f"datasets.{dataset_name}"
    numbers = _class_numbers(segments, dataset, key)
    specs = dataset.classes or segments.categories
    of_id = _segments_of(ids, segments, path)
    present, position = np.unique(ids, return_inverse=True)
    kinds, objects = np.zeros(present.size, np.uint16), np.zeros(present.size, np.uint32)
    for k, number in enumerate(present.tolist()):
        if number == 0:
            is_background = segments.background or dataset.void == "none"
            kinds[k] = 0 if is_background else VOID
            continue
        category = int(of_id[number]["category_id"])
        if numbers.get(category) is None:
            raise _undeclared(category, number, segments, key)
        kinds[k] = VOID if of_id[number].get("iscrowd") else numbers[category]
        if kinds[k] != VOID and specs[int(kinds[k])].kind == "thing":
            objects[k] = number
    semantic = kinds[position].reshape(ids.shape)
    instance, count = renumber(objects[position].reshape(ids.shape))
    named = None
    if dataset.classes is None:
        named = {
            str(number): segments.categories[category].model_dump()
            for category, number in numbers.items()
            if number != VOID
        }
    counts = LabelCounts(
        objects=count,
        renumbered=True,
        void=count_void(semantic),
        classes=named,
    )
    return Annotation(semantic, instance, counts)


def _segments_of(ids: np.ndarray, segments: Segments, path: Path) -> dict[int, Mapping]:
    """Return the segments of an image by id; raise if its pixels have other ids."""
    where = segments.path
    if path.name not in segments.of_image:
        what = f"has no annotation with the file_name {path.name!r}"
        raise problem(where, what, f"add it, or leave the image out by `exclude` ({path})")
    named = {int(segment["id"]): segment for segment in segments.of_image[path.name]}
    present = set(np.unique(ids).tolist()) - {0}
    problems = Problems()
    if absent := sorted(set(named) - present):
        what = f"names segments that {path} does not have: {_some(absent)}"
        problems.add(where, what, "mend segments_info, or export both anew")
    if unknown := sorted(present - set(named)):
        what = f"holds segment ids that {where} does not name: {_some(unknown)}"
        remedy = "add them to segments_info, write 0 where there is no label, or export both anew"
        problems.add(path, what, remedy)
    problems.raise_if_any()
    return named


def _class_numbers(segments: Segments, dataset: Dataset, key: str) -> dict[int, int]:
    """Return the class of each category; categories without a declared class are omitted."""
    categories, void = segments.categories, dataset.void_number
    class_numbers = {void: VOID} if void in categories else {}
    if dataset.classes is None:
        usable = {i: i for i in categories if i != void}
        if out_of_range := sorted(i for i in usable if not 1 <= i <= MAX_CLASS):
            allowed = f"classes are numbered from 1 to {MAX_CLASS}"
            what = f"has the category {out_of_range[0]}, and {allowed}"
            raise problem(segments.path, what, f"declare {key}.classes, which are found by name")
        return usable | class_numbers
    by_name = {spec.name: i for i, spec in categories.items()}
    problems = Problems()
    for number, spec in dataset.classes.items():
        if spec.name not in by_name:
            same_number = categories.get(number)
            rival = (
                "" if same_number is None else f"; its category {number} is {same_number.name!r}"
            )
            what = f"declares {number} as {spec.name!r}, but {segments.path} has no such category"
            problems.add(f"{key}.classes", what + rival, nearest(spec.name, by_name))
            continue
        category = by_name[spec.name]
        class_numbers.setdefault(category, number)
        problems.extend(_disagreement(spec, category, segments, key, is_void=category == void))
    problems.raise_if_any()
    return class_numbers


def _disagreement(
    spec: ClassSpec, category: int, segments: Segments, key: str, *, is_void: bool
) -> list[Problem]:
    kind = segments.categories[category].kind
    if is_void:
        what = f"is {category}, which is also a class ({spec.name}, a category of {segments.path})"
        return [Problem(f"{key}.void", what, "take it out of `classes`, or give another number")]
    if kind != spec.kind:
        what = f"declares {spec.name!r} as {spec.kind}, but {segments.path} has it as {kind}"
        return [Problem(f"{key}.classes", what, f"say `kind: {kind}`, or mend isthing")]
    return []


def _undeclared(category: int, number: int, segments: Segments, key: str) -> SeptumError:
    spec = segments.categories.get(category)
    if spec is None:
        what = f"has no category {category}, which the segment {number} is of"
        return problem(segments.path, what, "add it to categories")
    what = f"does not declare {spec.name!r}, which {segments.path} has as category {category}"
    remedy = f"declare it, or make it void (`void: {category}`), or leave `classes` out"
    return problem(f"{key}.classes", what, remedy)


def _some(numbers: list[int]) -> str:
    more = f", … ({len(numbers)} in all)" if len(numbers) > MAX_IDS_IN_MESSAGE else ""
    return ", ".join(map(str, numbers[:MAX_IDS_IN_MESSAGE])) + more
