"""From the records of jobs to the cost columns of a leaderboard."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from septum.errors import SeptumError
from septum.stages.leaderboard.costs import NO_COSTS, costs_of_experiments

SPEC = {"device": "Processor", "threads": 4}


def write(path: Path, **record) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))
    return path


def job(path: Path, *cases: tuple[int, int, float], **others) -> Path:
    """Write the record of a prediction; cases are (models, pixels, seconds)."""
    rows = [
        {"case": f"c{i}", "models": m, "pixels": p, "seconds": s}
        for i, (m, p, s) in enumerate(cases)
    ]
    return write(path, cases=rows, **{**SPEC, **others})


def speed_of(tmp_path: Path, *jobs: list[tuple[int, int, float]]) -> float:
    files = [job(tmp_path / f"net/costs/{i}of9.json", *cases) for i, cases in enumerate(jobs)]
    return costs_of_experiments(files)["net"]["mpx_per_s"]


def test_folds_are_added_up_and_the_highest_peak_counts(tmp_path):
    files = [
        write(
            tmp_path / f"unet/fold{fold}/costs.json",
            **SPEC,
            training_s=seconds,
            parameters=31_030_658,
            peak_memory_mb=peak,
        )
        for fold, seconds, peak in ((0, 100.5, 800.0), (1, 50.25, 900.0))
    ]
    files.append(job(tmp_path / "unet/costs/1of1.json", (1, 10**6, 9.0), (1, 10**6, 0.5)))
    files.append(job(tmp_path / "other/costs/1of1.json", (1, 10**6, 0.25), device="GPU"))
    found = costs_of_experiments(files)
    assert found["unet"] == {
        "parameters": 31_030_658,
        "training_s": 150.75,
        "mpx_per_s": 2.0,
        "peak_memory_mb": 900.0,
        "device": "Processor, 4 threads",
        "predict_device": "Processor, 4 threads",
    }
    other = found["other"]
    assert other.keys() == NO_COSTS.keys()
    assert math.isnan(other["training_s"] + other["parameters"])
    assert (other["mpx_per_s"], other["device"]) == (4.0, "")
    assert other["predict_device"] == "GPU, 4 threads"


def test_what_is_not_known_of_a_fold_is_not_known_of_all(tmp_path):
    files = [
        write(tmp_path / "net/fold0/costs.json", training_s=10.0, peak_memory_mb=5.0, device="A"),
        write(tmp_path / "net/fold1/costs.json", training_s=20.0, device="B"),
    ]
    row = costs_of_experiments(files)["net"]
    assert row["training_s"] == 30.0
    assert math.isnan(row["peak_memory_mb"])
    assert row["device"] == "A; B"


def test_a_method_without_a_network_has_the_costs_it_gives(tmp_path):
    files = [
        write(tmp_path / "watershed/fold0/costs.json", training_s=3.5, **SPEC),
        job(tmp_path / "watershed/costs/1of1.json"),
    ]
    row = costs_of_experiments(files)["watershed"]
    assert row["training_s"] == 3.5
    assert math.isnan(row["parameters"])
    assert math.isnan(row["mpx_per_s"])
    assert row["predict_device"] == ""


def test_speed_is_that_of_all_models_together_once_warm(tmp_path):
    # the first case of a job, and cases of a single model, do not count
    first = [(3, 4 * 10**6, 60.0), (3, 4 * 10**6, 2.0), (1, 10**6, 0.01)]
    second = [(1, 10**6, 0.01), (3, 2 * 10**6, 1.0), (3, 6 * 10**6, 1.0)]
    assert speed_of(tmp_path, first, second) == pytest.approx(12 / 4)


def test_first_cases_count_where_there_are_no_others(tmp_path):
    assert speed_of(tmp_path, [(1, 10**6, 2.0)], [(1, 2 * 10**6, 1.0)], []) == pytest.approx(1.0)


def test_a_file_of_another_kind_is_named(tmp_path):
    with pytest.raises(SeptumError, match=r"1of1\.json: is no record of costs"):
        costs_of_experiments([write(tmp_path / "net/costs/1of1.json", training_s=1.0)])
    with pytest.raises(SeptumError, match=r"costs\.json: does not exist"):
        costs_of_experiments([tmp_path / "net/fold0/costs.json"])
