"""Which lines the charts have, and what they are called."""

from __future__ import annotations

import math
import re

from made_results import make_plan

from septum.config.schema import Normalisation, Weights
from septum.stages.leaderboard.scores import Scores
from septum.stages.report.charts import ap_chart, iou_chart, loss_charts, score_bars
from septum.stages.report.inputs import Dataset, Experiment

EPOCHS = [
    {"epoch": 1.0, "train_loss": 2.0, "val_loss": 3.0, "val_iou": 0.25},
    {"epoch": 2.0, "train_loss": 1.0, "val_loss": math.nan, "val_iou": 0.75},
]


def dataset(*, ap=0.5, histories=None):
    row = {"experiment": "net", "subset": "test", "ranked_by": "dice", "dice": 0.8}
    row |= {f"ap{level}": ap for level in range(50, 100, 5)}
    row |= {f"{key}_{end}": math.nan for key in (*row, "dice") for end in ("low", "high")}
    network = Experiment("net", "net", Scores("net", [], []), histories or {}, {}, {})
    plan = make_plan("cells", 2, "instance", None, {})
    return Dataset("cells", plan, Normalisation(), Weights(), [row], [network], {})


def lines(svg):
    return re.findall(r"<polyline", svg)


def test_a_network_has_a_line_over_the_thresholds():
    svg = ap_chart(dataset(ap=0.5))
    assert len(lines(svg)) == 1
    assert 'aria-label="AP over the IoU threshold on cells: net 0.50 at 0.50, 0.50 at 0.75"' in svg


def test_without_scored_objects_there_is_no_chart():
    assert ap_chart(dataset(ap=math.nan)) is None


def test_a_bar_a_network():
    axis, bars = score_bars(dataset())
    assert "<svg" in axis
    assert len(bars) == 1


def test_folds_are_named_where_there_are_several():
    svg = iou_chart(dataset(histories={0: EPOCHS, 3: EPOCHS}))
    assert len(lines(svg)) == 2
    assert "net, fold 0" in svg
    assert "net, fold 3" in svg
    assert ", fold" not in iou_chart(dataset(histories={0: EPOCHS}))


def test_a_loss_chart_has_training_and_validation():
    ((name, svg),) = loss_charts(dataset(histories={0: EPOCHS}))
    assert name == "net"
    assert "Training and validation loss of net on cells" in svg
    assert len(lines(svg)) == 1, "the validation has one point, which is no line"
    assert "validation" in svg


def test_without_a_training_nothing_is_drawn():
    assert iou_chart(dataset()) is None
    assert loss_charts(dataset()) == []
