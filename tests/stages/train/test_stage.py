"""The training stage on a handful of tiny cases; a run of it takes a second or two."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from loaded import load_model
from trainings import (
    NET,
    delete_outputs,
    history,
    run_training,
    settings,
    wait_for_epochs,
    write_dataset,
)

from septum.config.schema import canonical_json
from septum.data import store
from septum.data.intensity import normalise
from septum.data.plan import Plan
from septum.errors import SeptumError
from septum.io.atomic import read_json
from septum.io.zarr_arrays import write_array
from septum.networks.model_header import read_header


def test_a_training_learns_and_leaves_what_it_promises(data, tmp_path, capfd):
    run_training(data, tmp_path, settings(epochs=6, steps=10))
    assert {p.name for p in tmp_path.iterdir()} == {
        "weights.safetensors",
        "model.safetensors",  # with a decoder, and what tuning it took
        "tuning.json",
        "history.csv",
        "curves.png",
        "costs.json",
        "checkpoints",
        "tensorboard",
        ".lock",
    }
    rows = history(tmp_path)
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [int(row["step"]) for row in rows] == [10, 20, 30, 40, 50, 60]
    assert float(rows[-1]["train_loss"]) < 0.7 * float(rows[0]["train_loss"])
    # the last step of 60, poly schedule
    assert float(rows[-1]["lr"]) == pytest.approx(5e-3 * (1 / 60) ** 0.9, rel=1e-4)
    assert any((tmp_path / "tensorboard").glob("events*"))
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 6
    assert lines[1].startswith("epoch 2/6  loss ")
    assert "ETA 0:00:0" in lines[1]

    segmenter, header = load_model(tmp_path / "model.safetensors")
    assert header.patch == (32, 32)
    assert header.digests["code"] == "c0de"
    assert len(header.digests["data"]) == 16
    assert header.trained.epochs == 6
    # five cases to train on, and their copies; the validation case has one too, left out
    assert header.trained.cases == 10
    case = store.read_case(store.case_path(data / "cases" / "b0", "case 0"))
    image = normalise(case.image, case.statistics, header.intensities)
    found = segmenter.predict(torch.from_numpy(image)[None]).argmax(1)[0].numpy() > 0
    truth = case.semantic > 0
    assert (found & truth).sum() / (found | truth).sum() > 0.7


def test_the_kept_weights_are_those_of_the_best_epoch(data, tmp_path):
    run_training(data, tmp_path, settings(epochs=4, steps=6, schedule="constant"))
    header = read_header(tmp_path / "model.safetensors")
    scores = [float(row["val_iou"]) for row in history(tmp_path)]
    assert header.trained.best == pytest.approx(max(scores), abs=1e-5)
    assert header.trained.best_epoch == 1 + scores.index(max(scores))


@pytest.mark.parametrize(
    "changes",
    [
        {"head": "border"},
        {"head": "distance"},
        {"head": "stardist"},
        {"head": "flows"},
        {"options": {"depth": 1, "width": 4}, "optimizer": "sgd", "patch": [20, 20]},
        {"border_weights": False, "dice": 1.0, "cross_entropy": 0.0, "ema": 0.0, "clip": 0.0},
        {"patch": [80, 80], "schedule": "cosine", "warmup": 2},
    ],
)
def test_settings_are_taken_up(data, tmp_path, changes):
    run_training(data, tmp_path, settings(epochs=1, **changes))
    (row,) = history(tmp_path)
    assert math.isfinite(float(row["train_loss"]))
    assert (tmp_path / "model.safetensors").exists()


def test_volumes_and_channels(tmp_path):
    write_dataset(tmp_path, size=(12, 40, 40), channels=2)
    changes = {"patch": [8, 16, 16], "options": {**NET, "depth": 1}}
    run_training(tmp_path, tmp_path / "out", settings(epochs=1, batch=2, **changes))
    header = read_header(tmp_path / "out" / "model.safetensors")
    assert (header.spatial_dims, header.in_channels, header.patch) == (3, 2, (8, 16, 16))


def test_a_data_set_without_any_object_trains_to_the_end(tmp_path):
    write_dataset(tmp_path, objects=0)
    run_training(tmp_path, tmp_path / "out", settings(epochs=2))
    assert read_header(tmp_path / "out" / "model.safetensors").trained.epochs == 2


CHILD = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from septum.config.schema import Run, parse_section
from trainings import run_training
run_training(Path({data!r}), Path({out!r}), parse_section(Run, {run!r}))
"""


def test_a_killed_training_resumes_to_the_same_bytes(data, tmp_path):
    # dropout, averaged weights and batch statistics are all at work
    run = settings(epochs=9, steps=5, options={**NET, "dropout": 0.5})
    run_training(data, tmp_path / "whole", run)

    out = tmp_path / "killed"
    child = CHILD.format(
        tests=str(Path(__file__).parents[2] / "helpers"),
        data=str(data),
        out=str(out),
        run=canonical_json(run),
    )
    process = subprocess.Popen([sys.executable, "-c", child], stderr=subprocess.DEVNULL)
    try:
        wait_for_epochs(out, 3, process)
        process.send_signal(signal.SIGSTOP)
        files = stamps(out)
        with pytest.raises(SeptumError, match=f"pid {process.pid} on host .* still writing here"):
            run_training(data, out, run)
        assert stamps(out) == files
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (out / "model.safetensors").exists()
    before = history(out)
    assert 3 <= len(before) < 9

    delete_outputs(out)
    run_training(data, out, run)
    after = history(out)
    assert [int(row["epoch"]) for row in after] == list(range(1, 10))
    # epochs whose state was surely on the disk were not trained again: their times are the same
    assert after[:2] == before[:2]
    whole = history(tmp_path / "whole")
    same = [(r["train_loss"], r["val_loss"], r["val_iou"], r["lr"]) for r in after]
    assert same == [(r["train_loss"], r["val_loss"], r["val_iou"], r["lr"]) for r in whole]
    ours, undisturbed = ((d / "model.safetensors").read_bytes() for d in (out, tmp_path / "whole"))
    assert ours == undisturbed


def stamps(out):
    return {p: p.stat().st_mtime_ns for p in out.rglob("*")}


def test_two_devices_train_together_and_one_of_them_writes(data, tmp_path):
    run = settings(epochs=2, steps=2, device="cpu", devices=2)
    command = [sys.executable, "-m", "septum", "train", "--settings", canonical_json(run)]
    for name in ("cases", "copies", "weights"):
        command += [f"--{name}", str(data / name / "b0")]
    command += ["--plan", str(data / "plan.json"), "--threads", "1"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "model.safetensors")],
        stderr=subprocess.PIPE,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert [row["step"] for row in history(tmp_path)] == ["2", "4"]
    assert read_header(tmp_path / "model.safetensors").trained.epochs == 2
    assert len((tmp_path / ".lock").read_text().splitlines()) == 1


def test_every_missing_case_is_named(data, tmp_path):
    write_array(
        tmp_path / "w" / "case_0.zarr", "weights", np.ones((4, 4)), attributes={"name": "case 0"}
    )
    with pytest.raises(SeptumError) as error:
        run_training(data, tmp_path / "out", settings(), weights=[tmp_path / "w"])
    named = {problem.where for problem in error.value.problems}
    assert named == {f"case {i}{copy}" for i in range(1, 6) for copy in ("", " e01")}

    with pytest.raises(SeptumError, match="case 3: is in the plan but not among the prepared"):
        run_training(data, tmp_path / "out", settings(), cases=[data / "copies" / "b0"])


def test_a_fold_needs_cases_on_both_sides(data, tmp_path):
    plan = Plan.from_json({**read_json(data / "plan.json"), "train": [], "folds": [["case 0"]]})
    with pytest.raises(SeptumError, match="blobs, fold 0: has no case to train on"):
        run_training(data, tmp_path, settings(), plan=plan)


# ---- parts
