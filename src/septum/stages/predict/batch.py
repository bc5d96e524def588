"""Functions that predictions of batches by networks and by classical baselines share.

`septum.stages.predict.stage` predicts with networks, `septum.stages.predict.classical` with tuned
baselines. PyTorch is not imported here, so that a baseline's job does not wait for it. Readers
and writers of image formats are not imported either, so that an edit of one predicts nothing anew:
what new images need is in `septum.stages.predict.images`.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from septum.config.schema import ClassSpec
from septum.data.store import Prediction, write_prediction
from septum.errors import Problems, problem
from septum.io.atomic import atomic_path
from septum.io.usage import CaseCosts, PredictionCosts, usage, write_costs

_log = logging.getLogger(__name__)


class Trained(Protocol):
    """The fields that the header of a model file and the record of a baseline share."""

    spatial_dims: int
    in_channels: int
    annotation: str
    classes: dict[int, ClassSpec]
    spacing: tuple[float, ...]
    unit: str


def file_by_fold(folds: Iterable[tuple[Path, int | None]]) -> dict[int, Path]:
    """Return the file of each fold, in the order of the folds.

    Parameters
    ----------
    folds : iterable of (Path, int or None)
        Files, and the fold that each of them names.

    Raises
    ------
    SeptumError
        Naming every file without a fold, and files of the same fold.
    """
    files: dict[int, Path] = {}
    problems = Problems()
    for path, fold in folds:
        if fold is None:
            remedy = "give a file that the workflow wrote"
            problems.add(path, "does not say which fold it is of", remedy)
        elif fold in files:
            what = f"is of fold {fold}, and so is {files[fold]}"
            problems.add(path, what, "give one file a fold")
        else:
            files[fold] = path
    problems.raise_if_any()
    return dict(sorted(files.items()))


def files_of_fold(fold: str, by_fold: Mapping[int, Path]) -> list[Path]:
    """Return the files that predict together: all for ``ensemble``, else that of a fold."""
    return list(by_fold.values()) if fold == "ensemble" else [by_fold[int(fold)]]


def require_fit(path: str | Path, shape: Sequence[int], trained: Trained) -> None:
    """Check that an image (C, *spatial) has the axes and channels that a model was trained on.

    Raises
    ------
    SeptumError
        If it has other axes or channels, naming ``path``.
    """
    if len(shape) - 1 != trained.spatial_dims:
        what = f"has {len(shape) - 1} spatial axes, but the model works in {trained.spatial_dims}-D"
        raise problem(path, what, "give a model that was trained on such images")
    if shape[0] != trained.in_channels:
        what = f"has {shape[0]} channels, but the model takes {trained.in_channels}"
        raise problem(path, what, "give the channels that the model was trained on, in their order")


def write_batch(
    jobs: Iterable[tuple[str, Path, str, str]],
    out: str | Path,
    predict: Callable[[str, Path, str], Prediction],
    *,
    costs: str | Path | None = None,
    device: str = "cpu",
    threads: int = 1,
    earlier: Sequence[PredictionCosts] = (),
) -> None:
    """Predict the cases of a batch and write the predictions to one folder atomically.

    Parameters
    ----------
    jobs : iterable of (name, path, subset, fold)
        Cases to predict, from `septum.stages.predict.jobs.prediction_jobs`.
    out : path
        Folder of the predictions; ``subset`` and ``fold`` are added to their attributes.
    predict : callable
        Returns the prediction for a name, a path and a fold.
    costs : path, optional
        File for the costs (`septum.io.usage.PredictionCosts`).
    device, threads : str, int
        Device and number of threads (`septum.io.usage.usage`), for the record of costs.
    earlier : sequence of PredictionCosts
        Costs of predictions that these are computed from, which are added.
    """
    earlier_seconds: Counter[str] = Counter()
    for record in earlier:
        for case in record.cases:
            earlier_seconds[case.case] += case.seconds
    case_costs = []
    with atomic_path(out) as folder:
        folder.mkdir()
        for name, path, subset, fold in jobs:
            start = time.monotonic()
            prediction = predict(name, path, fold)
            seconds = time.monotonic() - start + earlier_seconds[name]
            models = len(prediction.attributes.models)
            case_costs.append(
                CaseCosts(
                    case=name, models=models, pixels=prediction.semantic.size, seconds=seconds
                )
            )
            write_prediction(
                folder / path.name,
                semantic=prediction.semantic,
                instance=prediction.instance,
                geometry=prediction.geometry,
                name=name,
                scores=prediction.scores,
                attributes=replace(prediction.attributes, subset=subset, fold=fold),
            )
            log_prediction(name, f"{subset}, {fold}", prediction, seconds)
    if costs is not None:
        used = usage(device, threads)
        for record in earlier:
            used = used.after(record)
        write_costs(Path(costs), PredictionCosts(**used.model_dump(), cases=case_costs))


def log_prediction(name: str, by: str, prediction: Prediction, seconds: float) -> None:
    """Log what was predicted, ``by`` what or where, in how many seconds, and its objects."""
    instance = prediction.instance
    objects = "" if instance is None else f", {int(np.max(instance, initial=0))} objects"
    _log.info("%s (%s): %.1f s%s", name, by, seconds, objects)
