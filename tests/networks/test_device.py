"""Which processor a network runs on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from septum.errors import SeptumError
from septum.networks.device import CHANNELS_LAST, choose_device, has_bf16


def test_the_processor_is_taken_where_it_is_asked_for():
    assert choose_device("cpu", "predict.device") == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_without_a_gpu_auto_is_the_processor_and_gpu_an_error():
    assert choose_device("auto", "predict.device") == "cpu"
    with pytest.raises(SeptumError, match=r"predict\.device: demands a GPU, but torch finds none"):
        choose_device("gpu", "predict.device")


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="asks Linux for the processor")
def test_bf16_is_what_the_processor_says():
    flags = Path("/proc/cpuinfo").read_text().split()
    assert has_bf16("cpu") == ("avx512_bf16" in flags or "amx_bf16" in flags)


@pytest.mark.parametrize("shape", [(1, 3, 4, 5), (1, 3, 4, 5, 6)])
def test_the_layout_keeps_channels_together(shape):
    x = torch.zeros(shape).to(memory_format=CHANNELS_LAST[len(shape)])
    assert x.stride(1) == 1
