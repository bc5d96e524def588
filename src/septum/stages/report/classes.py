"""Scores by class: a comparison of all experiments, and the confusion matrix of each of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from septum.data.plan import Plan
from septum.metrics.ratio import ratios
from septum.stages.leaderboard.scores import Row, number
from septum.stages.leaderboard.stage import has_scores
from septum.stages.report.colours import class_colours
from septum.stages.report.inputs import Dataset, Experiment
from septum.stages.report.tables import Cell, Column
from septum.stages.report.text import UNDEFINED_TEXT, number_text

IOU_COLUMN = Column("iou", "IoU", 3, "intersection / union of the pixels of all cases together")
PANOPTIC_COLUMNS = (
    Column("pq", "PQ", 3, "panoptic quality of the segments of all cases together: SQ × RQ"),
    Column("sq", "SQ", 3, "segmentation quality: mean IoU of the matched segments"),
    Column("rq", "RQ", 3, "recognition quality: TP / (TP + FP/2 + FN/2)"),
)
COUNT_COLUMNS = (
    Column("tp", "TP", 0, "matched segments (IoU above 0.5)"),
    Column("fp", "FP", 0, "predicted segments without a match"),
    Column("fn", "FN", 0, "true segments without a match"),
)
COCO_COLUMNS = (
    Column("coco_ap", "COCO AP", 3, "COCO's average precision of masks, IoU 0.50 to 0.95"),
    Column("coco_ap50", "COCO AP50", 3, "COCO's average precision of masks at IoU 0.50"),
    Column("coco_ap75", "COCO AP75", 3, "COCO's average precision of masks at IoU 0.75"),
    Column("coco_box_ap", "box AP", 3, "COCO's average precision of bounding boxes"),
)
GROUP_NAMES = {"things": "All things", "stuff": "All stuff", "all": "All classes"}


@dataclass(frozen=True)
class ClassRow:
    """A class, or a group of classes without colour, and its cells."""

    name: str
    colour: str
    cells: list[Cell]


@dataclass(frozen=True)
class ConfusionRow:
    """A true class of a confusion matrix.

    Its cells are (share as text, share, description) for each predicted class.
    """

    name: str
    cells: list[tuple[str, float, str]]


@dataclass(frozen=True)
class ClassBlock:
    """The classes of one experiment."""

    name: str
    columns: list[Column]
    rows: list[ClassRow]
    confusion: list[ConfusionRow]


@dataclass(frozen=True)
class ByClass:
    """Scores by class; ``matrix`` has a row for each experiment, and is empty if there is one."""

    score: Column
    heads: list[tuple[str, str]]
    matrix: list[tuple[str, list[Cell]]]
    blocks: list[ClassBlock]


def by_class(dataset: Dataset) -> ByClass | None:
    """Return the scores by class; None if there is a single class of things, or no score."""
    several = len(dataset.plan.classes) > 1
    stuff = any(spec.kind == "stuff" for spec in dataset.plan.classes.values())
    pooled = {e.key: _pooled(dataset, e) for e in dataset.experiments}
    if not (several or stuff) or not all(pooled.values()):
        return None
    colours = class_colours(dataset.plan)
    score = PANOPTIC_COLUMNS[0] if dataset.has_objects else IOU_COLUMN
    rows_of_first = next(iter(pooled.values()))
    return ByClass(
        score=score,
        heads=[(_name(row), _colour(row, colours)) for row in rows_of_first],
        matrix=_matrix(dataset, pooled, score) if len(pooled) > 1 else [],
        blocks=[_block(dataset, e, pooled[e.key], colours) for e in dataset.experiments],
    )


def confusion_shares(rows: Sequence[Row], classes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels and shares of true classes, each (k, k), by predicted class.

    Parameters
    ----------
    rows : sequence of rows of ``confusion.csv``
        Rows of any number of cases, whose pixels are summed.
    classes : sequence of int
        Class ids, in the order of the result. A row of shares sums to 1; it is NaN if the class
        is not annotated.
    """
    index = {class_id: i for i, class_id in enumerate(classes)}
    pixels = np.zeros((len(index), len(index)))
    for row in rows:
        true, predicted = int(number(row, "true")), int(number(row, "predicted"))
        pixels[index[true], index[predicted]] += number(row, "pixels")
    return pixels, ratios(pixels, pixels.sum(axis=1, keepdims=True))


def confusion_of(dataset: Dataset, experiment: Experiment) -> tuple[np.ndarray, np.ndarray]:
    """Return `confusion_shares` of the dataset's subset: background, then the plan's classes."""
    rows = [row for row in experiment.confusion if row["subset"] == dataset.subset]
    return confusion_shares(rows, [0, *dataset.plan.classes])


def _pooled(dataset: Dataset, experiment: Experiment) -> list[Row]:
    """Return the pooled rows in the order shown: things, stuff, all, each group's mean last."""
    scored = [row for row in experiment.pooled if row["subset"] == dataset.subset]
    classes = [row for row in scored if row["class"]]
    groups = {str(row["class_name"]): row for row in scored if not row["class"]}
    things = [row for row in classes if row["kind"] == "thing"]
    stuff = [row for row in classes if row["kind"] == "stuff"]
    if not classes:
        return []
    if not (things and stuff):  # the mean of all is that of the group
        return [*classes, groups["all"]]
    return [*things, groups["things"], *stuff, groups["stuff"], groups["all"]]


def _matrix(
    dataset: Dataset, pooled: dict[str, list[Row]], score: Column
) -> list[tuple[str, list[Cell]]]:
    columns = [
        [number_text(number(row, score.key)) for row in of_class]
        for of_class in zip(*pooled.values(), strict=True)
    ]
    cells: list[list[Cell]] = [[] for _ in pooled]
    for texts in columns:
        shown = {text for text in texts if text != UNDEFINED_TEXT}
        best = max(shown) if len(set(texts)) > 1 and shown else None  # as in the leaderboard
        for row, text in zip(cells, texts, strict=True):
            row.append(Cell(text, best=text == best))
    return [(e.name, row) for e, row in zip(dataset.experiments, cells, strict=True)]


def _block(
    dataset: Dataset, experiment: Experiment, pooled: list[Row], colours: dict[int, str]
) -> ClassBlock:
    ids = [0, *dataset.plan.classes]
    pixels, shares = confusion_of(dataset, experiment)
    # absent classes are not shown, such as background if all pixels are labelled
    shown = [i for k, i in enumerate(ids) if pixels[k].any() or pixels[:, k].any()]
    columns = [IOU_COLUMN]
    if dataset.has_objects:
        columns = [*PANOPTIC_COLUMNS, IOU_COLUMN, *COUNT_COLUMNS]
    ranked = next(r for r in dataset.leaderboard if r["experiment"] == experiment.key)
    if has_scores(ranked):
        columns += [
            c for c in COCO_COLUMNS if any(math.isfinite(number(row, c.key)) for row in pooled)
        ]
    return ClassBlock(
        name=experiment.name,
        columns=columns,
        rows=[
            ClassRow(_name(row), _colour(row, colours), [_cell(row, c) for c in columns])
            for row in pooled
        ],
        confusion=_confusion(dataset.plan, pixels, shares, ids, shown),
    )


def _confusion(
    plan: Plan, pixels: np.ndarray, shares: np.ndarray, ids: Sequence[int], shown: Sequence[int]
) -> list[ConfusionRow]:
    def name(class_id: int) -> str:
        return plan.classes[class_id].name if class_id else "background"

    rows = []
    for true in shown:
        cells = []
        for predicted in shown:
            pair = ids.index(true), ids.index(predicted)
            count = f"{pixels[pair]:,.0f} pixels of {name(true)} predicted as {name(predicted)}"
            cells.append((_percent(shares[pair]), float(np.nan_to_num(shares[pair])), count))
        rows.append(ConfusionRow(name(true), cells))
    return rows


def _percent(share: float) -> str:
    if math.isnan(share):
        return "–"
    return "" if share == 0 else "< 0.1" if share < 0.0005 else f"{100 * share:.1f}"


def _cell(row: Row, column: Column) -> Cell:
    value = number(row, column.key)
    return Cell("" if math.isnan(value) else f"{value:.{column.digits}f}", value)


def _name(row: Row) -> str:
    return str(row["class_name"]) if row["class"] else GROUP_NAMES[str(row["class_name"])]


def _colour(row: Row, colours: dict[int, str]) -> str:
    return colours[int(str(row["class"]))] if row["class"] else ""
