"""Devices, precision, workers, and how a training ends."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
import torch
from trainings import (
    run_training,
    settings,
    wait_for_epochs,
)

from septum.config.schema import Train
from septum.errors import SeptumError
from septum.networks.device import choose_device, has_bf16
from septum.stages.train.trainer import choose_devices, choose_precision, choose_workers


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


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_demanded_gpu_is_never_replaced_by_the_cpu(data, tmp_path):
    with pytest.raises(SeptumError, match=r"train\.device: demands a GPU"):
        run_training(data, tmp_path, settings(device="gpu"))
    assert not tmp_path.joinpath("checkpoints").exists()
    assert choose_device("auto", "train.device") == "cpu"


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
