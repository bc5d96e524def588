"""What a training writes down of its time and memory."""

from __future__ import annotations

import pytest
import torch
from loaded import load_model
from trainings import (
    delete_outputs,
    history,
    run_training,
    settings,
)

from septum.io.atomic import read_json, write_json
from septum.stages.train.checkpoints import AtomicCheckpointIO
from septum.stages.train.history import read_history, write_history


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
