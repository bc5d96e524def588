"""Loaders: what is held in memory, by how many processes, and that it changes no bit."""

from __future__ import annotations

import numpy as np
import zarr
from trainings import (
    inputs,
    run_training,
    settings,
)

from septum.stages.train.epochs import set_up
from septum.stages.train.loaders import copies_in_memory, loaders


def test_every_process_that_holds_the_cases_counts(monkeypatch):
    monkeypatch.setattr("septum.stages.train.loaders.WORKER_START_METHOD", "fork")
    assert copies_in_memory(world=4, workers=8) == 4
    monkeypatch.setattr("septum.stages.train.loaders.WORKER_START_METHOD", None)
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
