"""Going on from a checkpoint, or starting anew."""

from __future__ import annotations

import pytest
from trainings import (
    NET,
    delete_outputs,
    history,
    run_training,
    settings,
)

from septum.errors import SeptumError
from septum.networks.model_header import read_header


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
    assert (header.trained.epochs, header.trained.best_epoch) == (3, 1)
    # and it stays ended
    run_training(data, tmp_path, run)
    assert len(history(tmp_path)) == 3
