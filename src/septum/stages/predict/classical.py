"""Prediction of batches of cases with tuned classical baselines.

As in `septum.stages.predict.stage`, a validation case is predicted with the parameters of its
fold, and a test or unlabelled case with the common parameters of all folds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from septum.classical.create import create_method
from septum.classical.fitted import Fitted, common_baseline, read_fitted
from septum.data.plan import read_plan
from septum.data.store import Geometry, Prediction, case_paths, read_case
from septum.data.store_attributes import PredictionAttributes
from septum.errors import Problems
from septum.stages.predict.batch import file_by_fold, files_of_fold, require_fit, write_batch
from septum.stages.predict.jobs import prediction_jobs


def predict_batch(
    *,
    parameters: Sequence[str | Path],
    cases: str | Path,
    plan: str | Path,
    out: str | Path,
    costs: str | Path | None = None,
    threads: int = 1,
) -> None:
    """Predict the cases of a batch folder that the baselines may be judged by.

    Parameters
    ----------
    parameters : sequence of path
        ``parameters.json``, one a fold.
    cases : path
        Batch folder of canonical cases.
    plan : path
        The dataset's plan.json.
    out : path
        Folder of the predictions (`septum.data.store.write_prediction`), whole or not at all.
        Attributes of each: ``subset`` (val, test or unlabelled), ``fold`` (a number, or
        ``ensemble``), ``annotation``, ``classes``, ``method``, ``parameters``, ``models``
        (SHA-256 of the files).
    costs : path, optional
        File for what it took (`septum.io.usage.PredictionCosts`).
    threads : int
        That libraries may use, for the record of costs.

    Raises
    ------
    SeptumError
        If a file holds no parameters, or they do not go together.
    """
    fitted_by_path = read_baselines(parameters)
    by_fold = file_by_fold(
        (path, fitted_by_path[path].fitted.get("fold")) for path in map(Path, parameters)
    )
    jobs = prediction_jobs(case_paths([cases]), read_plan(plan), list(by_fold))

    def predict(name: str, path: Path, fold: str) -> Prediction:
        used = {file: fitted_by_path[file] for file in files_of_fold(fold, by_fold)}
        case = read_case(path)
        require_fit(path, case.image.shape, next(iter(used.values())))
        return predict_by_baseline(used, name, case.image, case.geometry)

    write_batch(jobs, out, predict, costs=costs, threads=threads)


def read_baselines(paths: Sequence[str | Path]) -> dict[Path, Fitted]:
    """Read files of parameters of one method and one kind of data.

    Raises
    ------
    SeptumError
        If a file holds no parameters, naming it, or if files do not go together.
    """
    fitted_by_path = {path: read_fitted(path) for path in map(Path, paths)}
    kinds = ("method", "spatial_dims", "in_channels", "annotation", "classes")
    first, of_first = next(iter(fitted_by_path.items()))
    problems = Problems()
    for path, fitted in fitted_by_path.items():
        differing = [name for name in kinds if getattr(fitted, name) != getattr(of_first, name)]
        if differing:
            what = f"does not go with {first}: they differ in {', '.join(differing)}"
            problems.add(path, what, "give files of one experiment")
    problems.raise_if_any()
    return fitted_by_path


def predict_by_baseline(
    used: Mapping[Path, Fitted], name: str, image: np.ndarray, geometry: Geometry
) -> Prediction:
    """Segment an image (C, *spatial) by the baseline that stands for those of ``used``."""
    fitted = common_baseline(list(used.values()))
    method = create_method(fitted.method, fitted.parameters)
    instance = method.segment(image, spacing=geometry.spacing)
    (number,) = fitted.classes
    return Prediction(
        name,
        np.where(instance > 0, number, 0).astype(np.uint16),
        None if fitted.annotation == "semantic" else instance,
        geometry,
        attributes=PredictionAttributes(
            annotation=fitted.annotation,
            classes={number: spec.name for number, spec in fitted.classes.items()},
            method=fitted.method,
            parameters=fitted.parameters,
            models=tuple(hashlib.sha256(file.read_bytes()).hexdigest() for file in used),
        ),
    )
