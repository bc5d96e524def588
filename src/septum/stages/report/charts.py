"""The charts of the report, from scores and training histories."""

from __future__ import annotations

import math

from markupsafe import Markup

from septum.stages.leaderboard.scores import Row, number
from septum.stages.report.figures import (
    Axis,
    Line,
    ap_axes,
    chart,
    epoch_axis,
    interval_axis,
    interval_bar,
    score_range,
    value_axis,
)
from septum.stages.report.inputs import Dataset

THRESHOLDS = range(50, 100, 5)


def ap_chart(dataset: Dataset) -> Markup | None:
    """Draw AP over the IoU threshold, a line a network; None where no objects are scored."""
    lines = []
    for style, (experiment, row) in enumerate(
        zip(dataset.experiments, dataset.leaderboard, strict=True)
    ):
        points = [(t / 100, number(row, f"ap{t}")) for t in THRESHOLDS]
        band = [
            (t / 100, number(row, f"ap{t}_low"), number(row, f"ap{t}_high")) for t in THRESHOLDS
        ]
        if any(math.isfinite(value) for _, value in points):
            lines.append(Line(experiment.name, points, style, band))
    if not lines:
        return None
    label = f"AP over the IoU threshold on {dataset.name}: " + "; ".join(
        f"{line.label} {line.points[0][1]:.2f} at 0.50, {line.points[5][1]:.2f} at 0.75"
        for line in lines
    )
    return chart(lines, *ap_axes(), label=label)


def score_bars(dataset: Dataset) -> tuple[Markup, list[Markup]]:
    """Draw the ranking score of each network with its interval: the axis, and a bar each."""
    key = dataset.ranked_by
    rows = dataset.leaderboard
    span = score_range(v for row in rows for v in (number(row, key), number(row, f"{key}_low")))
    bars = [
        interval_bar(
            number(row, key),
            number(row, f"{key}_low"),
            number(row, f"{key}_high"),
            place,
            best=place == 0,
            span=span,
        )
        for place, row in enumerate(rows)
    ]
    return interval_axis(span), bars


def iou_chart(dataset: Dataset) -> Markup | None:
    """Draw the validation IoU over training, a line a network and fold."""
    lines = []
    for style, experiment in enumerate(dataset.experiments):
        for fold, rows in experiment.histories.items():
            name = experiment.name
            if len(experiment.histories) > 1:
                name += f", fold {fold}"
            lines.append(Line(name, _points(rows, "val_iou"), style))
    values = [value for line in lines for _, value in line.points if math.isfinite(value)]
    if not values:
        return None
    low, high = score_range(values)
    y = Axis(low, high, [t / 10 for t in range(round(10 * low), 11, 2)], "validation IoU")
    label = f"Validation IoU over the epochs of training on {dataset.name}"
    return chart(lines, epoch_axis(_last(lines)), y, label=label, width=400, height=230)


def loss_charts(dataset: Dataset) -> list[tuple[str, Markup]]:
    """Draw training and validation loss of each network: (name, chart)."""
    charts = []
    for experiment in dataset.experiments:
        lines = []
        for fold, rows in experiment.histories.items():
            suffix = f" {fold}" if len(experiment.histories) > 1 else ""
            lines.append(Line(f"train{suffix}", _points(rows, "train_loss"), 0))
            lines.append(Line(f"validation{suffix}", _points(rows, "val_loss"), 1))
        if lines:
            y = value_axis((value for line in lines for _, value in line.points), "loss")
            label = f"Training and validation loss of {experiment.name} on {dataset.name}"
            drawn = chart(lines, epoch_axis(_last(lines)), y, label=label, width=385, height=230)
            charts.append((experiment.name, drawn))
    return charts


def _points(rows: list[Row], key: str) -> list[tuple[float, float]]:
    return [(number(row, "epoch"), number(row, key)) for row in rows]


def _last(lines: list[Line]) -> float:
    return max((epoch for line in lines for epoch, _ in line.points), default=1.0)
