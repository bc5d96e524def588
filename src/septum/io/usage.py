"""Measured costs of trainings and predictions: time, memory, and the device.

Measurements differ from run to run. They are stored in separate files beside the results, so
that equal settings give equal results byte for byte. They are shown by
`septum.stages.leaderboard.costs`, so that a change there does not rerun trainings or predictions.
"""

from __future__ import annotations

import platform
import resource
import sys
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from septum.errors import problem
from septum.io.atomic import read_json, write_json

COSTS_FILE = "costs.json"
TUNING_COSTS_FILE = "tuning.json"
CPU_INFO_FILE, PROCESS_STATUS_FILE = Path("/proc/cpuinfo"), Path("/proc/self/status")


class Usage(BaseModel):
    """Device and peak memory of a process; None if they are not known.

    Parameters
    ----------
    device : str, optional
        Name of the GPU, or of the processor.
    threads : int, optional
        Number of threads of the processor.
    peak_memory_mb : float, optional
        Peak memory in 2²⁰ bytes: on a GPU that of tensors, on a CPU the resident memory of the
        process, including libraries. Processes that load patches, and devices other than the
        first, are not counted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    device: str | None = None
    threads: int | None = None
    peak_memory_mb: float | None = None

    def after(self, earlier: Usage | None) -> Usage:
        """Combine with the usage of an earlier part of the work: both devices, the higher peak."""
        if earlier is None:
            return self
        # either may be a combination of several devices
        names = [n for u in (earlier, self) for n in (u.device or "").split(" + ") if n]
        peaks = [u.peak_memory_mb for u in (earlier, self) if u.peak_memory_mb is not None]
        return Usage(
            device=" + ".join(dict.fromkeys(names)) or None,
            threads=self.threads,
            peak_memory_mb=max(peaks, default=None),
        )


Kind = TypeVar("Kind", bound=Usage)


class TrainingCosts(Usage):
    """The record in ``fold<k>/costs.json``.

    Parameters
    ----------
    training_s : float, optional
        Seconds of all epochs with their validations, including those before an interruption.
        Reading cases, writing checkpoints and tuning the decoder are not counted. For a
        classical baseline, the seconds of its tuning.
    parameters : int, optional
        Number of learnt parameters of the network; None for a baseline.
    """

    training_s: float | None = None
    parameters: int | None = None


class TuningCosts(Usage):
    """The record in ``fold<k>/tuning.json``.

    Parameters
    ----------
    tuning_s : float, optional
        Seconds of predicting the validation cases and of trying decoders on them.
    """

    tuning_s: float | None = None


class CaseCosts(BaseModel):
    """The cost of predicting a case.

    Parameters
    ----------
    case : str
    models : int
        Number of networks whose probabilities were averaged.
    pixels : int
        Number of pixels of the image, not multiplied by the number of channels.
    seconds : float
        Time from the stored case to its label maps: reading the image, normalisation, all
        windows and symmetries, decoding. Loading the models and writing are not counted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    case: str
    models: int = 1
    pixels: int
    seconds: float


class PredictionCosts(Usage):
    """The record in ``costs/<batch>.json``: the cases of a job, in order."""

    cases: list[CaseCosts]


def usage(device: str, threads: int) -> Usage:
    """Return the device of this process and its peak memory so far.

    Parameters
    ----------
    device : {"cpu", "cuda"}
    threads : int
    """
    if device == "cuda":
        import torch

        peak = torch.cuda.max_memory_allocated() / 2**20
        return Usage(device=torch.cuda.get_device_name(), threads=threads, peak_memory_mb=peak)
    return Usage(device=processor_name(), threads=threads, peak_memory_mb=_resident_peak())


def processor_name() -> str:
    """Return the name of the processor, or its architecture if the name is not known."""
    return _entry(CPU_INFO_FILE, "model name") or platform.processor() or platform.machine()


def _resident_peak() -> float:
    """Return the peak resident memory of this process, in 2²⁰ bytes."""
    # preferred to getrusage, which also counts the memory of the parent when it forked
    high_water = _entry(PROCESS_STATUS_FILE, "VmHWM").removesuffix(" kB")
    if high_water:
        return int(high_water) / 2**10
    unit = 1 if sys.platform == "darwin" else 2**10  # of ru_maxrss, in bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def _entry(path: Path, name: str) -> str:
    """Return the first value of an entry in a file of Linux's /proc; empty if there is none."""
    if not path.is_file():
        return ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name and value.strip():
            return " ".join(value.split())
    return ""


def write_costs(path: Path, costs: Usage) -> None:
    """Write costs as JSON, atomically."""
    write_json(path, costs.model_dump())


def read_costs(path: Path, kind: type[Kind]) -> Kind:
    """Read costs of one kind.

    Raises
    ------
    SeptumError
        If the file is missing or holds something else.
    """
    try:
        return kind.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "all of it"
        what = f"is no record of costs ({place}: {first['msg']})"
        raise problem(path, what, "run the stage that writes it again") from None
