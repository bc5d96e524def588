"""What is read: the results that are named, and no others."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from made_results import add_baseline, add_nuclei, squares
from report_page import render

from septum.config.schema import Merge, PercentileScaling
from septum.errors import SeptumError
from septum.stages.report.inputs import ShownModel, Used, read_dataset, read_shown_model


def test_folds_of_an_earlier_configuration_are_not_shown(results):
    add_nuclei(results, "one")
    before = render(results)
    fold = results.folder / "one/good/fold0"
    shutil.copytree(fold, fold.with_name("fold3"))
    assert render(results) == before
    results.settings["datasets"][0]["experiments"]["good"]["folds"] = [0, 3]
    assert "good &lt;net&gt;, fold 3" in render(results)


def test_a_model_of_a_fold_that_is_missing_is_named(results):
    add_nuclei(results, "one")
    results.settings["datasets"][0]["experiments"]["good"]["folds"] = [0, 1]
    with pytest.raises(SeptumError, match=r"good/fold1/model\.safetensors"):
        render(results)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("leaderboard.csv", "leaderboard.csv"),
        ("plan.json", "plan.json"),
        ("good/cases.csv", "cases.csv"),
        ("good/pooled.csv", "pooled.csv"),
        ("good/confusion.csv", "confusion.csv"),
        ("good/predicted/1of1", "1of1"),
    ],
)
def test_a_missing_result_is_named_and_nothing_is_written(results, file, message):
    add_nuclei(results, "one")
    path = results.folder / "one" / file
    path.rename(path.with_name("away"))
    with pytest.raises(SeptumError, match=message):
        render(results)
    assert not (results.folder / "report.html").exists()


def test_a_broken_model_file_is_named(results):
    add_nuclei(results, "one")
    (results.folder / "one/bad/fold0/model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0not json")
    with pytest.raises(SeptumError, match="is not a safetensors file"):
        render(results)


def test_a_model_file_is_read_without_its_weights(nuclei):
    (folder,) = (nuclei.folder / dataset.folder for dataset in nuclei.contents.datasets)
    assert read_shown_model(folder / "good/fold0/model.safetensors") == ShownModel(
        network="unet",
        head="semantic",
        options={"width": 8},
        decoder={"method": "components", "threshold": 0.45, "min_size": 16, "score": 0.5},
        normalisation=PercentileScaling(lower=1.0, upper=99.8),
        patch=(32, 32),
        weights=12,  # 3 × 4; running statistics are not learnt
    )


def test_what_predicted_is_read_from_a_prediction_of_each_kind(nuclei):
    dataset = read_dataset(nuclei.folder, nuclei.contents.datasets[0])
    decoder = {"method": "components", "threshold": 0.45, "min_size": 16, "score": 0.5}
    expected = {"0": Used(decoder, (64, 128))}
    assert [experiment.used for experiment in dataset.experiments] == [expected, expected]


def test_the_limits_of_a_merge_are_those_that_all_folds_together_merge_with(results):
    add_baseline(results, floor=squares(), net=squares())
    folder = results.folder / "cells/floor"
    fitted = json.loads((folder / "fold0/parameters.json").read_text())
    merge = {"instances": "net", "semantic": "other"}
    for fold, (threshold, least) in enumerate([(0.3, 64), (0.7, 0), (0.5, 16)]):
        limits = {"threshold": threshold, "min_stuff": least}
        changes = {"method": "panoptic_merge", "merge": merge, "parameters": limits}
        (folder / f"fold{fold}").mkdir(exist_ok=True)
        path = folder / f"fold{fold}/parameters.json"
        path.write_text(json.dumps({**fitted, **changes}))
    reported = results.settings["datasets"][0]["experiments"]
    reported["floor"] = {"name": "both", "folds": [0, 1, 2]}
    dataset = read_dataset(results.folder, results.contents.datasets[0])
    (merged,) = (experiment for experiment in dataset.experiments if experiment.key == "floor")
    assert str(merged.merge) == str(Merge(**merge))
    assert merged.record.parameters == {"threshold": 0.5, "min_stuff": 16}


def test_the_report_reads_model_files_without_pytorch():
    code = "import sys, septum.stages.report.stage; print('torch' in sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
