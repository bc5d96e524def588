"""Costs of the experiments of a dataset, added up from the records of their jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from septum.io.usage import COSTS, PredictionCosts, TrainingCosts, Usage, read_costs
from septum.stages.leaderboard.scores import NAN, Row

NO_COSTS: Row = {
    "parameters": NAN,
    "training_s": NAN,
    "mpx_per_s": NAN,
    "peak_memory_mb": NAN,
    "device": "",
    "predict_device": "",
}
"""The columns of the leaderboard, empty: what is not known of an experiment stays so."""


def costs_of_experiments(paths: Iterable[Path]) -> dict[str, Row]:
    """Return the cost columns of each experiment that left records of them.

    Parameters
    ----------
    paths : iterable of Path
        ``<experiment>/fold<k>/costs.json`` and ``<experiment>/costs/<batch>.json``, of any
        number of experiments.

    Returns
    -------
    dict
        By the name of the experiment's folder.

    Raises
    ------
    SeptumError
        If a file is missing or is no record of costs.
    """
    folders: dict[str, list[Path]] = {}
    for path in sorted(paths):
        folders.setdefault(path.parent.parent.name, []).append(path)
    return {name: _row(files) for name, files in folders.items()}


def speed(jobs: Sequence[PredictionCosts]) -> float:
    """Return megapixels per second, NaN where nothing was predicted.

    Of cases that were predicted by most models, which is how new images are. The first case
    of a job also pays for starting up; it counts only where there is no other.
    """
    most = max((case.models for job in jobs for case in job.cases), default=0)
    cases = [
        (place, case) for job in jobs for place, case in enumerate(job.cases) if case.models == most
    ]
    counted = [case for place, case in cases if place] or [case for _, case in cases]
    seconds = sum(case.seconds for case in counted)
    return sum(case.pixels for case in counted) / seconds / 1e6 if seconds else NAN


def _row(files: Sequence[Path]) -> Row:
    folds = [read_costs(path, TrainingCosts) for path in files if path.name == COSTS]
    jobs = [read_costs(path, PredictionCosts) for path in files if path.name != COSTS]
    return {
        # that of one network: the folds have as many each
        "parameters": _known(max, [fold.parameters for fold in folds]),
        "training_s": _known(sum, [fold.training_s for fold in folds]),
        "mpx_per_s": speed(jobs),
        "peak_memory_mb": _known(max, [fold.peak_memory_mb for fold in folds]),
        "device": _devices(fold for fold in folds if fold.training_s is not None),
        "predict_device": _devices(job for job in jobs if job.cases),
    }


def _known(together: Callable[[list[float]], float], values: Sequence[float | None]) -> float:
    """Return a sum or maximum; not known as soon as one of the values is not."""
    known = [value for value in values if value is not None]
    return float(together(known)) if known and len(known) == len(values) else NAN


def _devices(records: Iterable[Usage]) -> str:
    names = []
    for record in records:
        if record.device:
            threads = f", {record.threads} thread{'s' * (record.threads != 1)}"
            names.append(record.device + (threads if record.threads else ""))
    return "; ".join(dict.fromkeys(names))
