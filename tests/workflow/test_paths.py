"""The names of the files of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from septum.stages.train.checkpoints import HISTORY_FILE
from septum.workflow.paths import Paths

PATHS = Paths("out")


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        (PATHS.report, "out/report.html"),
        (PATHS.demo, "out/{dataset}/demo"),
        (PATHS.cases, "out/{dataset}/cases/{batch}"),
        (PATHS.plan, "out/{dataset}/plan.json"),
        (PATHS.copies, "out/{dataset}/copies/{batch}"),
        (PATHS.weights, "out/{dataset}/weights/{batch}"),
        (PATHS.trained_weights, "out/{dataset}/{experiment}/fold{fold}/weights.safetensors"),
        (PATHS.model, "out/{dataset}/{experiment}/fold{fold}/model.safetensors"),
        (PATHS.history, "out/{dataset}/{experiment}/fold{fold}/history.csv"),
        (PATHS.tuning_costs, "out/{dataset}/{experiment}/fold{fold}/tuning.json"),
        (PATHS.parameters, "out/{dataset}/{experiment}/fold{fold}/parameters.json"),
        (PATHS.fold_costs, "out/{dataset}/{experiment}/fold{fold}/costs.json"),
        (PATHS.predicted, "out/{dataset}/{experiment}/predicted/{batch}"),
        (PATHS.batch_costs, "out/{dataset}/{experiment}/costs/{batch}.json"),
        (PATHS.predictions, "out/{dataset}/{experiment}/predictions"),
        (PATHS.objects, "out/{dataset}/{experiment}/objects.npz"),
        (PATHS.leaderboard, "out/{dataset}/leaderboard.csv"),
    ],
)
def test_a_rule_takes_a_pattern(path, pattern):
    assert path() == pattern


def test_an_input_function_takes_the_path_of_one_thing():
    assert PATHS.plan("cells") == "out/cells/plan.json"
    assert PATHS.cases("cells", "1of2") == "out/cells/cases/1of2"
    assert PATHS.model("cells", "unet", 3) == "out/cells/unet/fold3/model.safetensors"
    assert PATHS.table("pooled", "cells", "unet") == "out/cells/unet/pooled.csv"


def test_the_history_lies_where_a_training_writes_it():
    weights, history = Path(PATHS.trained_weights()), Path(PATHS.history())
    assert history == weights.parent / HISTORY_FILE


def test_logs_and_benchmarks_lie_side_by_side():
    assert PATHS.run_log("report") == "out/logs/report.log"
    assert PATHS.dataset_log("prepare/{batch}") == "out/{dataset}/logs/prepare/{batch}.log"
    fold = "out/{dataset}/{experiment}/logs/train_fold{fold}"
    assert PATHS.experiment_log("train_fold{fold}") == f"{fold}.log"
    assert PATHS.experiment_log("train_fold{fold}", "tsv") == f"{fold}.tsv"
