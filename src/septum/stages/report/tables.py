"""Tables of the report as rows of text, which the page lays out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from septum.stages.leaderboard.scores import Row, number
from septum.stages.leaderboard.stage import difference, has_scores, says_something
from septum.stages.report.inputs import Dataset
from septum.stages.report.text import UNDEFINED_TEXT, interval_text, number_text


@dataclass(frozen=True)
class Column:
    """A column of scores: its name in the CSV files, title, number of digits and meaning."""

    key: str
    title: str
    digits: int
    meaning: str
    higher_is_better: bool = True


SCORE_COLUMNS = (
    Column("pq_pooled", "PQ pooled", 3, "panoptic quality of the objects of all cases together"),
    Column("pq_things_pooled", "PQ things", 3, "pooled PQ, mean over the thing classes"),
    Column("pq_stuff_pooled", "PQ stuff", 3, "pooled PQ, mean over the stuff classes"),
    Column("pq", "PQ", 3, "panoptic quality, IoU > 0.5"),
    Column("ap", "AP", 3, "mean of AP at IoU 0.50, 0.55, … 0.95"),
    Column("ap50", "AP50", 3, "TP / (TP + FP + FN) at IoU 0.50"),
    Column("ap75", "AP75", 3, "TP / (TP + FP + FN) at IoU 0.75"),
    Column("ap90", "AP90", 3, "TP / (TP + FP + FN) at IoU 0.90"),
    Column("coco_ap", "COCO AP", 3, "area under the precision-recall curve of scored objects"),
    Column("iou", "IoU", 3, "intersection over union of pixels, mean over foreground classes"),
    Column("dice", "Dice", 3, "2 · intersection / (true + predicted pixels)"),
    Column("pixel_accuracy", "Pixel acc.", 3, "share of pixels with the right class"),
    Column("seg", "SEG", 3, "Cell Tracking Challenge's SEG"),
    Column("hd95", "HD95", 2, "95 % Hausdorff distance of surfaces", higher_is_better=False),
    Column("assd", "ASSD", 2, "average symmetric surface distance", higher_is_better=False),
)
COUNT_COLUMNS = (
    Column("n_true", "True", 0, "annotated objects"),
    Column("n_pred", "Pred.", 0, "predicted objects", higher_is_better=False),
    Column("missed", "Missed", 0, "true objects not found", higher_is_better=False),
    Column("merged", "Merged", 0, "true objects merged into one", higher_is_better=False),
    Column("split", "Split", 0, "true objects split into several", higher_is_better=False),
    Column("spurious", "Spurious", 0, "predicted objects not there", higher_is_better=False),
)
LEADERBOARD_KEYS = (
    *("pq_pooled", "pq_things_pooled", "pq_stuff_pooled"),
    *("ap50", "ap75", "ap90", "coco_ap", "iou", "dice", "hd95"),
)


@dataclass(frozen=True)
class Cell:
    """A value as text, the number to sort by (NaN for none), its interval, and a remark."""

    text: str
    value: float = math.nan
    interval: str = ""
    best: bool = False
    remark: str = ""


@dataclass(frozen=True)
class ErrorCounts:
    """The numbers of true objects by kind of error.

    Parameters
    ----------
    n_true : str
        Number of true objects.
    parts : list of (kind, amount, CSS class)
        Kinds of true objects, whose amounts add up to their number.
    cells : list of (kind, count, share of the true objects)
        The same kinds, and the spurious objects.
    """

    n_true: str
    parts: list[tuple[str, float, str]]
    cells: list[tuple[str, str, str]]


def leaderboard_columns(dataset: Dataset) -> list[Column]:
    """Return the columns that hold a number, beginning with the one that determines the rank.

    Columns of distances that are infinite for all cases are included, too.
    """
    candidates = [c for c in _meaningful(dataset) if c.key in LEADERBOARD_KEYS]
    rows = dataset.leaderboard
    columns = [
        c
        for c in candidates
        if says_something(rows, c.key) or any(_infinite_cases(row, c) for row in rows)
    ]
    return sorted(columns, key=lambda column: column.key != dataset.ranked_by)


def leaderboard_cells(rows: Sequence[Row], column: Column) -> list[Cell]:
    """Return a cell for each row, with the best value marked.

    A distance is a mean over the cases where it is finite, shown with the number of other cases.
    If this number differs between networks, no value is marked, since their means are over
    different cases.
    """
    values = [_shown_score(row, column) for row in rows]
    infinite = [_infinite_cases(row, column) for row in rows]
    finite = [value for value in values if math.isfinite(value)]
    best = (max if column.higher_is_better else min)(finite, default=math.nan)
    texts = [number_text(value, column.digits) for value in values]
    # values that look equal are not marked as better
    differ = len({text for text in texts if text != UNDEFINED_TEXT}) > 1 and len(set(infinite)) == 1
    return [
        Cell(
            text,
            value,
            interval_text(row, column.key, column.digits) if text != UNDEFINED_TEXT else "",
            differ and text == number_text(best, column.digits),
            f"{count} infinite" if count else "",
        )
        for row, value, text, count in zip(rows, values, texts, infinite, strict=True)
    ]


def pair_rows(dataset: Dataset, bootstrap: int, seed: int) -> list[tuple[str, list[Cell]]]:
    """Return the differences of scores between pairs of networks, with paired intervals.

    The table is empty if there are fewer than three, since the leaderboard shows the difference
    of two. ``best`` marks an interval that excludes 0.
    """
    if len(dataset.experiments) < 3:
        return []
    scores = [e.scores.of(dataset.subset) for e in dataset.experiments]
    rows = []
    for experiment, row_scores in zip(dataset.experiments, scores, strict=True):
        cells = []
        for column_scores in scores:
            if column_scores is row_scores:
                cells.append(Cell(""))
                continue
            gap = difference(
                row_scores, column_scores, dataset.ranked_by, bootstrap, (seed, dataset.name)
            )
            text = UNDEFINED_TEXT if math.isnan(gap.value) else f"{gap.value:+.3f}"
            has_interval = not math.isnan(gap.low)
            interval = f"{gap.low:+.3f} to {gap.high:+.3f}" if has_interval else ""
            cells.append(Cell(text, gap.value, interval, gap.excludes_zero))
        rows.append((experiment.name, cells))
    return rows


def case_columns(dataset: Dataset) -> list[Column]:
    """Return the columns of the per-case table that hold a number."""
    rows = [row for experiment in dataset.experiments for row in experiment.scores.cases]
    scores = _meaningful(dataset)
    counts_after = [column.key for column in scores].index("dice") + 1
    ordered = [*scores[:counts_after], *COUNT_COLUMNS, *scores[counts_after:]]
    return [column for column in ordered if _any(rows, column.key)]


def case_cells(row: Row, columns: Sequence[Column]) -> list[Cell]:
    """Return the cells of a case; undefined scores are empty, infinite ones are ``inf``."""
    values = [number(row, column.key) for column in columns]
    return [
        Cell("" if math.isnan(value) else f"{value:.{column.digits}f}", value)
        for value, column in zip(values, columns, strict=True)
    ]


def error_counts(row: Row) -> ErrorCounts | None:
    """Return the numbers of objects by kind of error; None if there are no true objects."""
    total = number(row, "n_true")
    if not total > 0:
        return None
    wrong = {kind: number(row, kind) for kind in ("missed", "merged", "split")}
    matched = total - sum(wrong.values())
    spurious = number(row, "spurious")
    return ErrorCounts(
        n_true=f"{total:.0f}",
        parts=[("matched", matched, "matched"), *((k, n, k) for k, n in wrong.items())],
        cells=[
            (kind, f"{amount:.0f}", f"{amount / total:.1%}")
            for kind, amount in [("matched", matched), *wrong.items(), ("spurious", spurious)]
        ],
    )


def _meaningful(dataset: Dataset) -> list[Column]:
    """Return the columns of scores, without PQ if there are no single objects.

    PQ of a single segment of each class adds nothing to its IoU.
    """
    return [c for c in SCORE_COLUMNS if dataset.has_objects or not c.key.startswith("pq")]


def _any(rows: Sequence[Row], key: str) -> bool:
    return any(not math.isnan(number(row, key)) for row in rows)


def _shown_score(row: Row, column: Column) -> float:
    """Return a score; NaN for the average precision of objects without scores."""
    if column.key.startswith("coco_") and not has_scores(row):
        return math.nan
    return number(row, column.key)


def _infinite_cases(row: Row, column: Column) -> int:
    """Return the number of cases for which a distance is infinite; 0 for other scores."""
    count = number(row, f"{column.key}_infinite")
    return 0 if math.isnan(count) else int(count)
