"""The training stage on a handful of tiny cases; a run of it takes a second or two."""

from __future__ import annotations

import csv
import math
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import lightning.pytorch as lightning
import numpy as np
import pytest
import torch
import zarr
from torch.utils.data import DataLoader
from trainings import NET, inputs, run_training, settings, write_dataset

from septum.config.schema import Train, canonical_json
from septum.data import store
from septum.data.intensity import normalise
from septum.data.plan import Plan
from septum.errors import SeptumError
from septum.io.atomic import read_json, write_json
from septum.io.data_digest import data_digest
from septum.io.zarr_arrays import write_array
from septum.networks.device import choose_device, has_bf16
from septum.networks.model_file import load_model, read_header
from septum.networks.segmenter import build_segmenter
from septum.stages.train.cases import fits_in_memory
from septum.stages.train.checkpoints import AtomicCheckpointIO
from septum.stages.train.epochs import set_up
from septum.stages.train.history import read_history, write_history
from septum.stages.train.loaders import copies_in_memory, loaders
from septum.stages.train.module import AveragedWeights, TrainingLoop, lr_factor
from septum.stages.train.trainer import choose_devices, choose_precision, choose_workers


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blobs")
    write_dataset(folder)
    return folder


def history(out):
    with (out / "history.csv").open() as file:
        return list(csv.DictReader(file))


def test_classes_without_single_objects_are_trained_too(data, tmp_path):
    """Of semantic annotation the plan's fingerprint has no objects: None."""
    given = inputs(data, settings())
    plan = replace(given["plan"], fingerprint={"objects": None})
    found = set_up(**{**given, "plan": plan}, folder=tmp_path)
    assert found.run.options == {**NET}


# ---- what comes out


def test_a_training_learns_and_leaves_what_it_promises(data, tmp_path, capfd):
    run_training(data, tmp_path, settings(epochs=6, steps=10))
    assert {p.name for p in tmp_path.iterdir()} == {
        "model.safetensors",
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
    assert header.trained["epochs"] == 6
    # five cases to train on, and their copies; the validation case has one too, left out
    assert header.trained["cases"] == 10
    case = store.read_case(store.case_path(data / "cases" / "b0", "case 0"))
    image = normalise(case.image, case.statistics, header.normalisation)
    found = segmenter.predict(torch.from_numpy(image)[None]).argmax(1)[0].numpy() > 0
    truth = case.semantic > 0
    assert (found & truth).sum() / (found | truth).sum() > 0.7


def test_the_kept_weights_are_those_of_the_best_epoch(data, tmp_path):
    run_training(data, tmp_path, settings(epochs=4, steps=6, schedule="constant"))
    header = read_header(tmp_path / "model.safetensors")
    scores = [float(row["val_iou"]) for row in history(tmp_path)]
    assert header.trained["best"] == pytest.approx(max(scores), abs=1e-5)
    assert header.trained["best_epoch"] == 1 + scores.index(max(scores))


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
    assert read_header(tmp_path / "out" / "model.safetensors").trained["epochs"] == 2


# ---- the same bits


def test_worker_processes_and_reading_from_disk_change_no_bit(data, tmp_path, monkeypatch):
    run = settings()
    run_training(data, tmp_path / "a", run)
    run_training(data, tmp_path / "b", settings(workers=2))
    monkeypatch.setattr("septum.stages.train.loaders.fits_in_memory", lambda *_, **__: False)
    run_training(data, tmp_path / "c", settings(workers=1))
    run_training(data, tmp_path / "d", run, seed=1)
    a, b, c, d = ((tmp_path / x / "model.safetensors").read_bytes() for x in "abcd")
    assert a == b
    assert a == c
    assert a != d


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


def delete_outputs(out):
    """Do what a workflow does with the outputs of a job before it starts it again."""
    for name in ("model.safetensors", "history.csv", "curves.png", "costs.json"):
        (out / name).unlink(missing_ok=True)


def wait_for_epochs(out, epochs, process=None):
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if process is not None and process.poll() is not None:
            pytest.fail("the training ended before it could be killed")
        path = out / "checkpoints" / "last.ckpt"
        if path.exists() and len(history(out)) >= epochs:
            return
        time.sleep(0.01)
    pytest.fail("the training did not get anywhere")


@pytest.fixture
def heeds_interrupts():
    """Heed Ctrl-C also where the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)]
)
def test_a_signal_leaves_a_checkpoint_to_go_on_from(
    data, tmp_path, number, raised, heeds_interrupts
):
    handlers = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    run = settings(epochs=40)

    def interrupt():
        wait_for_epochs(tmp_path, 1)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=interrupt, daemon=True)
    thread.start()
    with pytest.raises(raised) as error:
        run_training(data, tmp_path, run)
    thread.join()
    if raised is SystemExit:
        assert error.value.code == 143
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == handlers
    assert not (tmp_path / "model.safetensors").exists()
    state = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert 1 <= state["septum"]["progress"][0] < 40


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
    assert read_header(tmp_path / "model.safetensors").trained["epochs"] == 2
    assert len((tmp_path / ".lock").read_text().splitlines()) == 1


# ---- going on, or starting anew


def test_what_decides_the_weights_decides_whether_to_resume(data, tmp_path):
    run_training(data, tmp_path, settings(epochs=2))
    first = (tmp_path / "model.safetensors").read_bytes()
    stamp = (tmp_path / "checkpoints" / "last.ckpt").stat().st_mtime_ns
    rows = history(tmp_path)
    delete_outputs(tmp_path)
    # nothing left to train: the file is made again from the checkpoint
    run_training(data, tmp_path, settings(epochs=2, workers=1))
    assert (tmp_path / "model.safetensors").read_bytes() == first
    assert (tmp_path / "checkpoints" / "last.ckpt").stat().st_mtime_ns == stamp
    assert history(tmp_path) == rows
    assert (tmp_path / "curves.png").exists()

    run_training(data, tmp_path, settings(epochs=1, lr=1e-4))
    (row,) = history(tmp_path)
    assert float(row["lr"]) < 1e-4
    # code that the weights do not depend on: only tuned again
    stamp = (tmp_path / "checkpoints" / "last.ckpt").stat().st_mtime_ns
    run_training(data, tmp_path, settings(epochs=1, lr=1e-4), digests={"code": "other"})
    assert read_header(tmp_path / "model.safetensors").digests["code"] == "other"
    assert (tmp_path / "checkpoints" / "last.ckpt").stat().st_mtime_ns == stamp


def test_an_epoch_whose_state_was_not_saved_is_trained_again_once(data, tmp_path):
    run = settings(epochs=3)
    run_training(data, tmp_path / "whole", run)
    out = tmp_path / "cut"
    with pytest.MonkeyPatch.context() as patch:
        # as if killed after the history of epoch 2 was written, and before its state
        saved = []

        def save(self, checkpoint, path, storage_options=None):
            if saved:
                raise KeyboardInterrupt
            saved.append(original(self, checkpoint, path))

        from septum.stages.train.checkpoints import AtomicCheckpointIO

        original = AtomicCheckpointIO.save_checkpoint
        patch.setattr(AtomicCheckpointIO, "save_checkpoint", save)
        with pytest.raises(KeyboardInterrupt):
            run_training(data, out, run)
    assert len(history(out)) == 2
    run_training(data, out, run)
    assert [row["epoch"] for row in history(out)] == ["1", "2", "3"]
    whole = (tmp_path / "whole" / "model.safetensors").read_bytes()
    assert (out / "model.safetensors").read_bytes() == whole


def test_a_damaged_checkpoint_is_named(data, tmp_path):
    run = settings(epochs=1)
    run_training(data, tmp_path, run)
    path = tmp_path / "checkpoints" / "last.ckpt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(SeptumError, match=r"last\.ckpt: is damaged"):
        run_training(data, tmp_path, run)


def test_training_ends_when_it_no_longer_gets_better(data, tmp_path):
    # the weights cannot move, and batch statistics are not used
    run = settings(epochs=9, patience=2, lr=1e-30, options={**NET, "norm": "none"})
    run_training(data, tmp_path, run)
    assert len(history(tmp_path)) == 3
    header = read_header(tmp_path / "model.safetensors")
    assert (header.trained["epochs"], header.trained["best_epoch"]) == (3, 1)
    # and it stays ended
    run_training(data, tmp_path, run)
    assert len(history(tmp_path)) == 3


# ---- what it cost


def test_costs_are_written_beside_the_model(data, tmp_path):
    run_training(data, tmp_path, settings())
    costs = read_json(tmp_path / "costs.json")
    seconds = sum(float(row["seconds"]) for row in history(tmp_path))
    assert costs["training_s"] == pytest.approx(seconds, rel=1e-4)
    segmenter, _ = load_model(tmp_path / "model.safetensors")
    assert costs["parameters"] == sum(p.numel() for p in segmenter.parameters())
    assert 50 < costs["peak_memory_mb"] < 100_000
    assert costs["threads"] == torch.get_num_threads()
    assert costs["device"]


def test_a_training_that_is_over_keeps_its_costs(data, tmp_path):
    run = settings(epochs=2)
    run_training(data, tmp_path, run)
    kept = tmp_path / "checkpoints"
    set_seconds(kept / "history.csv", [30.0, 12.5])
    usage = {"device": "Old", "threads": 7, "peak_memory_mb": 123.0}
    write_json(kept / "costs.json", usage)
    delete_outputs(tmp_path)
    run_training(data, tmp_path, run)
    costs = read_json(tmp_path / "costs.json")
    assert costs["training_s"] == 42.5
    assert {key: costs[key] for key in usage} == usage

    # of a training by an earlier version, its memory was not written down
    (kept / "costs.json").unlink()
    delete_outputs(tmp_path)
    run_training(data, tmp_path, run)
    costs = read_json(tmp_path / "costs.json")
    assert (costs["training_s"], costs["peak_memory_mb"], costs["device"]) == (42.5, None, None)


def test_costs_are_those_of_all_parts_of_a_training(data, tmp_path):
    run = settings(epochs=3)
    original = AtomicCheckpointIO.save_checkpoint
    with pytest.MonkeyPatch.context() as patch:
        saved = []

        def save(self, checkpoint, path, storage_options=None):
            if saved:
                raise KeyboardInterrupt
            saved.append(original(self, checkpoint, path))

        patch.setattr(AtomicCheckpointIO, "save_checkpoint", save)
        with pytest.raises(KeyboardInterrupt):
            run_training(data, tmp_path, run)
    kept = tmp_path / "checkpoints"
    set_seconds(kept / "history.csv", [1000.0, 500.0])
    usage = {"device": "Old", "threads": 7, "peak_memory_mb": 99_999.5}
    write_json(kept / "costs.json", usage)
    run_training(data, tmp_path, run)
    costs = read_json(tmp_path / "costs.json")
    # epoch 2 was not saved, and is trained again: its own time counts, once
    seconds = [float(row["seconds"]) for row in history(tmp_path)]
    assert seconds[0] == 1000.0
    assert costs["training_s"] == pytest.approx(1000.0 + seconds[1] + seconds[2], rel=1e-6)
    assert seconds[1] < 500
    assert costs["peak_memory_mb"] == 99_999.5
    assert costs["device"].startswith("Old + ")
    assert costs["threads"] == torch.get_num_threads()


def set_seconds(path, values):
    rows = read_history(path)
    write_history(
        path, [{**row, "seconds": value} for row, value in zip(rows, values, strict=True)]
    )


# ---- what can be put right


def test_a_diverging_loss_is_an_error_with_a_remedy(data, tmp_path):
    changes = {"optimizer": "sgd", "lr": 1e30, "clip": 0.0, "options": {**NET, "norm": "none"}}
    with pytest.raises(SeptumError, match=r"train\.lr: the loss is no longer a number"):
        run_training(data, tmp_path, settings(**changes))
    assert not (tmp_path / "model.safetensors").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_demanded_gpu_is_never_replaced_by_the_cpu(data, tmp_path):
    with pytest.raises(SeptumError, match=r"train\.device: demands a GPU"):
        run_training(data, tmp_path, settings(device="gpu"))
    assert not tmp_path.joinpath("checkpoints").exists()
    assert choose_device("auto", "train.device") == "cpu"


def test_devices_precision_and_workers():
    assert choose_precision("32", "cpu") == "32-true"
    assert choose_precision("32", "cuda") == "32-true"
    assert choose_precision("bf16", "cpu") == "bf16-mixed"
    assert choose_devices(Train(), "cpu") == 1
    assert choose_devices(Train(devices=2, batch=8), "cpu") == 2
    with pytest.raises(SeptumError, match=r"train\.devices: 3 devices cannot share a batch of 8"):
        choose_devices(Train(devices=3, batch=8), "cpu")
    assert choose_workers(Train(), "cpu") == 0
    assert choose_workers(Train(workers=3), "cpu") == 3
    assert 1 <= choose_workers(Train(), "cuda") <= 8


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="asks Linux for the processor")
def test_a_processor_trains_in_bf16_where_it_has_it():
    flags = Path("/proc/cpuinfo").read_text().split()
    native = "avx512_bf16" in flags or "amx_bf16" in flags
    assert has_bf16("cpu") == native
    assert choose_precision("auto", "cpu") == ("bf16-mixed" if native else "32-true")


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


@pytest.mark.parametrize(
    ("changes", "factors"),
    [
        ({"schedule": "poly"}, {0: 1.0, 100: 0.5**0.9, 200: 0.0}),
        ({"schedule": "cosine"}, {0: 1.0, 50: 0.853553, 100: 0.5, 200: 0.0}),
        ({"schedule": "constant"}, {0: 1.0, 199: 1.0}),
        ({"schedule": "constant", "warmup": 4}, {0: 0.2, 3: 0.8, 4: 1.0}),
        ({"schedule": "poly", "warmup": 100}, {99: 100 / 101, 100: 1.0, 150: 0.5**0.9}),
    ],
)
def test_schedules(changes, factors):
    train_settings = Train(epochs=10, steps=20, **changes)
    for step, factor in factors.items():
        assert lr_factor(train_settings, step) == pytest.approx(factor, abs=1e-6)


def test_averages_begin_quickly_and_then_keep_their_decay():
    average = AveragedWeights(0.99)
    for step, decay in ((1, 2 / 11), (80, 0.9), (5000, 0.99)):
        mine, counter = torch.tensor([1.0]), torch.tensor([3])
        average._latest_update_step = step
        average._average([mine], [torch.tensor([2.0])], None)
        assert float(mine) == pytest.approx(decay + 2 * (1 - decay))
        average._average([counter], [torch.tensor([8])], None)
        assert int(counter) == 8


def test_the_digest_of_the_data_sees_an_edit(tmp_path):
    write_dataset(tmp_path)
    paths = list(store.case_paths([tmp_path / "cases" / "b0"]).values())
    first = data_digest(paths)
    assert data_digest(reversed(paths)) == first
    case = store.read_case(paths[0])
    case.semantic[0, 0] = 1
    store.write_case(paths[0], case)
    assert data_digest(paths) != first


def test_cases_are_held_in_memory_where_they_fit(data):
    paths = list(store.case_paths([data / "cases" / "b0"]).values())
    pixels = 6 * 64 * 64
    for weights, instances, share in ((0, 0, 2), (1, 0, 6), (0, 1, 6), (1, 1, 10)):
        what = {"weights": bool(weights), "instances": bool(instances)}
        assert fits_in_memory(paths, **what, budget=share * pixels)
        assert not fits_in_memory(paths, **what, budget=share * pixels - 1)
        assert fits_in_memory(paths, **what, copies=3, budget=3 * share * pixels)
        assert not fits_in_memory(paths, **what, copies=3, budget=3 * share * pixels - 1)
        assert fits_in_memory(paths, **what)


def test_every_process_that_holds_the_cases_counts(monkeypatch):
    monkeypatch.setattr("septum.stages.train.loaders.START", "fork")
    assert copies_in_memory(world=4, workers=8) == 4
    monkeypatch.setattr("septum.stages.train.loaders.START", None)
    assert copies_in_memory(world=4, workers=8) == 36
    assert copies_in_memory(world=1, workers=0) == 1


def test_devices_share_the_memory_of_the_machine(data, tmp_path, monkeypatch):
    # eleven cases: image, target and weight map; half of the memory is for them
    monkeypatch.setattr("septum.stages.train.cases.available_memory", lambda: 2 * 11 * 64 * 64 * 6)
    for devices, kind in ((1, np.ndarray), (2, zarr.Array)):
        training = set_up(**inputs(data, settings(devices=devices)), folder=tmp_path)
        for loader in loaders(training, 0):
            dataset = loader.dataset
            case = dataset.cases[0] if hasattr(dataset, "cases") else dataset.patches[0][0]
            assert isinstance(case.image, kind)


def test_a_validation_runs_the_network_once_a_batch():
    torch.manual_seed(0)
    segmenter = build_segmenter("unet", NET, spatial_dims=2, in_channels=1, n_classes=1).eval()
    batches = [
        {"image": torch.randn(n, 1, 32, 32), "classes": torch.randint(-1, 2, (n, 32, 32))}
        for n in (4, 2)
    ]
    loss = overlap = union = 0.0
    with torch.no_grad():
        for batch in batches:
            logits, classes = segmenter.network(batch["image"]), batch["classes"]
            known, found = classes >= 0, logits[:, 1] > logits[:, 0]
            mean = torch.nn.functional.cross_entropy(logits, classes, ignore_index=-1)
            loss += len(classes) * float(mean) / 6
            overlap += int((found & (classes == 1)).sum())
            union += int((known & (found | (classes == 1))).sum())

    passes = []
    segmenter.network.register_forward_hook(lambda *_: passes.append(1))
    loop = TrainingLoop(segmenter, Train(), 2, (0,))
    silent = ("logger", "enable_progress_bar", "enable_checkpointing", "enable_model_summary")
    trainer = lightning.Trainer(accelerator="cpu", **dict.fromkeys(silent, False))
    trainer.validate(loop, DataLoader(batches, batch_size=None), verbose=False)
    assert len(passes) == 2
    assert loop.val_loss == pytest.approx(loss, rel=1e-5)
    assert loop.val_iou == pytest.approx(overlap / union)
