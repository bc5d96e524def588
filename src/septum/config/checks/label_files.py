"""Checks of the patterns of a dataset's images and labels."""

from __future__ import annotations

from collections.abc import Iterator

from septum.config.dataset import Dataset
from septum.errors import Problem


def pattern_checks(key: str, dataset: Dataset) -> Iterator[Problem]:
    """Yield the problems of a dataset's patterns and of the layout of its labels."""
    if (dataset.images is None) == (dataset.demo is None):
        remedy = "`images` is a pattern with {case} in it, `demo` the name of simulated data"
        yield Problem(key, "needs either images or demo, and not both", remedy)
    patterns = {"images": dataset.image_patterns, "unlabelled": dataset.unlabelled_patterns}
    for name in ("labels", "instances"):
        pattern = getattr(dataset, name)
        patterns[name] = [] if pattern is None else [pattern]
    for name, patterns_of_key in patterns.items():
        for pattern in patterns_of_key:
            if "{case}" not in pattern:
                remedy = "put {case} where the name of the case stands in the path"
                yield Problem(f"{key}.{name}", f"the pattern {pattern!r} has no {{case}}", remedy)
    yield from _label_checks(key, dataset)


def _label_checks(key: str, dataset: Dataset) -> Iterator[Problem]:
    """Yield the problems of the layout of the labels, and of the number of void pixels."""
    declare = "declare them: {1: nucleus, 2: {name: stroma, kind: stuff}}"
    per_class = "{class}" in (dataset.labels or "")
    is_given_by_layout = {
        "instances": dataset.instances is not None,
        "segments": dataset.segments is not None,
    }
    is_given_by_layout["labels"] = per_class
    layouts = [name for name, is_used in is_given_by_layout.items() if is_used]
    for name in layouts:
        what = "has {class} in it, which" if name == "labels" else "names a second file, which"
        if dataset.annotation != "panoptic":
            what += f" is for `annotation: panoptic`, and not for {dataset.annotation}"
            yield Problem(f"{key}.{name}", what, "say `annotation: panoptic`, or take it out")
        elif dataset.labels is None:
            remedy = "give `labels`: the class maps, or COCO's PNG files"
            yield Problem(f"{key}.{name}", "is given without `labels`", remedy)
    if len(layouts) > 1:
        what = f"mixes two ways to keep panoptic labels ({' and '.join(layouts)})"
        remedy = "keep one of: `instances`, `segments`, {class} in `labels`"
        yield Problem(key, what, f"{remedy} (docs/adding-a-dataset.md)")
    if "{case}" in (dataset.segments or ""):
        yield Problem(f"{key}.segments", "is one file for all cases", "take {case} out of it")
    if per_class and dataset.classes is None:
        yield Problem(f"{key}.labels", "has {class} in it, but no classes are declared", declare)
    elif dataset.annotation == "panoptic" and dataset.classes is None and not dataset.segments:
        yield Problem(f"{key}.classes", "are needed for `annotation: panoptic`", declare)
    kinds = {spec.kind for spec in (dataset.classes or {}).values()}
    if dataset.annotation == "panoptic" and kinds == {"stuff"}:
        what = "are all stuff, and `annotation: panoptic` is for things, too"
        remedy = "say `annotation: semantic`, or give one `kind: thing`"
        yield Problem(f"{key}.classes", what, remedy)
    if per_class and dataset.void_number == 0:
        what = "is 0, and each pixel is 0 in the maps of all classes but its own"
        yield Problem(f"{key}.void", what, "mark void pixels by another number")
    classes = dataset.classes or {}
    holds_classes = dataset.annotation in ("semantic", "panoptic") and {*layouts} <= {"instances"}
    if dataset.void_number in classes and holds_classes:
        what = f"is {dataset.void}, which is also a class ({classes[dataset.void].name})"
        yield Problem(f"{key}.void", what, "take it out of `classes`, or give another number")
