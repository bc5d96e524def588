"""The costs of the experiments: a table, and charts of accuracy against cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from septum.stages.leaderboard.cost_text import UNKNOWN_TEXT, cost_texts, duration_text
from septum.stages.leaderboard.scores import number
from septum.stages.report.inputs import Dataset
from septum.stages.report.scatter import Mark, duration_axis, scatter, score_axis
from septum.stages.report.verdict import SCORE_NAMES


@dataclass(frozen=True)
class CostChart:
    """A chart of accuracy against cost, and the experiments that it does not show."""

    picture: Markup
    caption: str
    missing: list[str]


def cost_table(dataset: Dataset) -> list[list[str]]:
    """Return parameters, time and memory of training, and speed of inference of each network.

    The table is empty if no costs were measured.
    """
    rows = [list(cost_texts(row).values()) for row in dataset.leaderboard]
    return rows if any(text != UNKNOWN_TEXT for row in rows for text in row) else []


def cost_charts(dataset: Dataset) -> list[CostChart]:
    """Draw the ranking score over the training time, and over the inference time.

    Charts of a single experiment are left out, since they compare nothing.
    """
    training = [number(row, "training_s") for row in dataset.leaderboard]
    # time instead of speed, so that small costs are better in both charts
    inference = [_inverse(number(row, "mpx_per_s")) for row in dataset.leaderboard]
    charts = [
        _chart(dataset, training, "time of training", "Training, all folds together"),
        _chart(dataset, inference, "time of inference per megapixel", "Inference of new images"),
    ]
    return [chart for chart in charts if chart is not None]


def devices(dataset: Dataset) -> str:
    """Return the devices on which costs were measured, as part of a sentence."""
    measured = []
    for key, what in (("device", "training"), ("predict_device", "inference")):
        names = dict.fromkeys(str(row.get(key) or "") for row in dataset.leaderboard)
        devices_text = " and ".join(name for name in names if name)
        if devices_text:
            measured.append(f"{what} on {devices_text}")
    return "; ".join(measured)


def _chart(dataset: Dataset, costs: list[float], axis: str, caption: str) -> CostChart | None:
    score = SCORE_NAMES.get(dataset.ranked_by, dataset.ranked_by)
    marks, missing = [], []
    for style, (experiment, row) in enumerate(
        zip(dataset.experiments, dataset.leaderboard, strict=True)
    ):
        mark = Mark(experiment.name, costs[style], number(row, dataset.ranked_by), style)
        if mark.cost > 0 and math.isfinite(mark.cost) and math.isfinite(mark.score):
            marks.append(mark)
        else:
            missing.append(experiment.name)
    if len(marks) < 2:
        return None
    label = f"{score} over the {axis} on {dataset.name}: " + "; ".join(
        f"{mark.name} {mark.score:.3f}, {duration_text(mark.cost)}" for mark in marks
    )
    picture = scatter(
        marks,
        duration_axis((mark.cost for mark in marks), axis),
        score_axis((mark.score for mark in marks), score),
        label=label,
    )
    return CostChart(picture, caption, missing)


def _inverse(value: float) -> float:
    return 1 / value if value > 0 else math.nan
