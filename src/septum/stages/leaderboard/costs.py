"""Costs of the experiments of a dataset, summed over the records of their jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from septum.io.usage import COSTS_FILE, PredictionCosts, TrainingCosts, Usage, read_costs
from septum.stages.leaderboard.scores import NAN, Row

NO_COSTS: Row = {
    "parameters": NAN,
    "training_s": NAN,
    "mpx_per_s": NAN,
    "peak_memory_mb": NAN,
    "device": "",
    "predict_device": "",
}
"""The cost columns of the leaderboard for an experiment without records."""


def costs_of_experiments(paths: Iterable[Path]) -> dict[str, Row]:
    """Return the cost columns of each experiment that has records of its costs.

    Parameters
    ----------
    paths : iterable of Path
        ``<experiment>/fold<k>/costs.json`` and ``<experiment>/costs/<batch>.json``, of any
        number of experiments.

    Returns
    -------
    dict
        Cost columns by the name of the experiment's folder.

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
    """Return megapixels per second, NaN if nothing was predicted.

    Only the cases that were predicted by the largest number of models count, since new images
    are predicted by as many. The first case of a job includes the time for starting up; it
    counts only if there is no other.
    """
    most = max((case.models for job in jobs for case in job.cases), default=0)
    cases = [
        (place, case) for job in jobs for place, case in enumerate(job.cases) if case.models == most
    ]
    counted = [case for place, case in cases if place] or [case for _, case in cases]
    seconds = sum(case.seconds for case in counted)
    return sum(case.pixels for case in counted) / seconds / 1e6 if seconds else NAN


def _row(files: Sequence[Path]) -> Row:
    folds = [read_costs(path, TrainingCosts) for path in files if path.name == COSTS_FILE]
    jobs = [read_costs(path, PredictionCosts) for path in files if path.name != COSTS_FILE]
    return {
        # of a single network: all folds have the same number
        "parameters": _if_all_known(max, [fold.parameters for fold in folds]),
        "training_s": _if_all_known(sum, [fold.training_s for fold in folds]),
        "mpx_per_s": speed(jobs),
        "peak_memory_mb": _if_all_known(max, [fold.peak_memory_mb for fold in folds]),
        "device": _devices(fold for fold in folds if fold.training_s is not None),
        "predict_device": _devices(job for job in jobs if job.cases),
    }


def _if_all_known(combine: Callable[[list[float]], float], values: Sequence[float | None]) -> float:
    """Return a sum or maximum, or NaN if one of the values is not known."""
    measured = [value for value in values if value is not None]
    return float(combine(measured)) if measured and len(measured) == len(values) else NAN


def _devices(records: Iterable[Usage]) -> str:
    names = []
    for record in records:
        if record.device:
            threads = f", {record.threads} thread{'s' * (record.threads != 1)}"
            names.append(record.device + (threads if record.threads else ""))
    return "; ".join(dict.fromkeys(names))
