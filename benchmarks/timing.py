"""How benchmarks take time: calls in turns, the best of some rounds."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


def seconds(*calls: Callable[[], object], rounds: int = 3) -> list[float]:
    """Return the best of some rounds of each call, taken in turns, in seconds.

    What the accelerator still works on, where there is one, is waited for.
    """
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, taken in zip(calls, times, strict=True):
            wait()
            start = time.perf_counter()
            call()
            wait()
            taken.append(time.perf_counter() - start)
    return [min(taken) for taken in times]


def wait() -> None:
    """Wait for the accelerator."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
