"""The stages of a classical baseline: tuned on a fold, then predicting batches of cases."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from septum.atomic import atomic_path, write_json
from septum.classical import create, method_class
from septum.classical.fitted import Fitted, common_baseline, read_fitted
from septum.classical.tuning import tune
from septum.errors import Problem, SeptumError, fail
from septum.foldcases import prediction_jobs
from septum.plan import Plan, read_plan
from septum.store import Case, case_paths, read_case, write_prediction
from septum.trainingset import data_digest

_log = logging.getLogger(__name__)


def fit(
    *,
    method: str,
    options: Mapping[str, Any],
    plan: Plan,
    cases: Sequence[Path],
    fold: int,
    experiment: str,
    out: Path,
    digests: Mapping[str, str],
) -> None:
    """Tune a baseline on the validation cases of a fold, and write ``parameters.json``.

    Parameters
    ----------
    method : str
        One of `septum.classical.names`.
    options : mapping
        Parameters that are not tuned.
    plan : Plan
        The dataset's.
    cases : sequence of Path
        Batch folders of canonical cases.
    fold : int
    experiment : str
        Its name, for the file and the messages.
    out : Path
        The file, written whole or not at all.
    digests : mapping
        Kept in the file, where the digest of the validation cases joins them.

    Raises
    ------
    SeptumError
        If the dataset has several classes, a validation case is missing, or method or options
        are wrong.
    """
    key = f"experiments.{experiment}"
    _require_one_class(plan, key)
    create(method, options, where=f"{key}.options")
    if plan.spatial_dims not in method_class(method).axes:
        what = f"{method} is not defined for {plan.spatial_dims}-D images ({plan.dataset})"
        raise fail(key, what, "take the dataset out of the experiment, or choose another method")
    paths = _validation_cases(plan, fold, case_paths(cases))
    tuned = tune(method, paths, fixed=options)
    record = Fitted(
        method=method,
        parameters=tuned["parameters"],
        score=tuned["score"],
        spatial_dims=plan.spatial_dims,
        in_channels=plan.in_channels,
        annotation=plan.annotation,
        classes=plan.classes,
        digests={**digests, "data": data_digest(paths)},
        fitted={
            "dataset": plan.dataset,
            "experiment": experiment,
            "fold": fold,
            "cases": tuned["cases"],
            "pixels": tuned["pixels"],
        },
    )
    write_json(out, record.model_dump(mode="json"))


def predict_batch(
    *,
    parameters: Sequence[str | Path],
    cases: str | Path,
    plan: str | Path,
    out: str | Path,
) -> None:
    """Predict the cases of a batch folder that the baselines may be judged by.

    As `septum.inference.predict_batch`: validation cases with the parameters of their fold,
    test and unlabelled cases with those that stand for all folds
    (`septum.classical.fitted.common_baseline`).

    Parameters
    ----------
    parameters : sequence of path
        ``parameters.json``, one a fold.
    cases : path
        Batch folder of canonical cases.
    plan : path
        The dataset's plan.json.
    out : path
        Folder of the predictions (`septum.store.write_prediction`), whole or not at all.
        Attributes of each: ``subset`` (val, test or unlabelled), ``fold`` (a number, or
        ``ensemble``), ``annotation``, ``classes``, ``method``, ``parameters``, ``models``
        (SHA-256 of the files).

    Raises
    ------
    SeptumError
        If a file holds no parameters, or they do not go together.
    """
    by_fold = _by_fold(parameters)
    common = common_baseline([fitted for _, fitted in by_fold.values()])
    jobs = prediction_jobs(case_paths([cases]), read_plan(plan), list(by_fold))
    with atomic_path(out) as folder:
        folder.mkdir()
        for name, path, subset, fold in jobs:
            together = fold == "ensemble"
            used = list(by_fold.values()) if together else [by_fold[int(fold)]]
            fitted = common if together else used[0][1]
            start = time.monotonic()
            case = read_case(path)
            semantic, instance = _predict(fitted, path, case)
            write_prediction(
                folder / path.name,
                semantic=semantic,
                instance=instance,
                geometry=case.geometry,
                name=name,
                attributes={
                    "annotation": fitted.annotation,
                    "classes": {str(i): spec.name for i, spec in fitted.classes.items()},
                    "method": fitted.method,
                    "parameters": fitted.parameters,
                    "models": [hashlib.sha256(file.read_bytes()).hexdigest() for file, _ in used],
                    "subset": subset,
                    "fold": fold,
                },
            )
            _log.info("%s (%s, %s): %.1f s", name, subset, fold, time.monotonic() - start)


def _require_one_class(plan: Plan, key: str) -> None:
    """Check that a method without an idea of classes can answer for this dataset."""
    if len(plan.classes) > 1:
        names = ", ".join(spec.name for spec in plan.classes.values())
        what = f"a classical method knows no classes, but {plan.dataset} has several ({names})"
        raise fail(key, what, "take the dataset out of the experiment")
    (only,) = plan.classes.values()
    if plan.annotation != "semantic" and only.kind != "thing":
        what = f"a classical method finds objects, but the only class of {plan.dataset} is stuff"
        raise fail(key, what, f"say `annotation: semantic` in datasets.{plan.dataset}")


def _validation_cases(plan: Plan, fold: int, found: Mapping[str, Path]) -> list[Path]:
    """Return the validation cases of a fold, all of them there, by name."""
    names = plan.val_cases(fold)
    if not names:
        remedy = "label more cases, or lower split.test or split.folds"
        raise fail(f"{plan.dataset}, fold {fold}", "has no case to validate on", remedy)
    problems = [
        Problem(name, "is in the plan but not among the prepared cases", "run prepare")
        for name in names
        if name not in found
    ]
    if problems:
        raise SeptumError(problems)
    return [found[name] for name in names]


def _by_fold(paths: Sequence[str | Path]) -> dict[int, tuple[Path, Fitted]]:
    """Read the parameters of each fold; they must be of one method and one kind of data."""
    found: dict[int, tuple[Path, Fitted]] = {}
    problems = []
    for path in map(Path, paths):
        fitted = read_fitted(path)
        fold = fitted.fitted.get("fold")
        first = next(iter(found.values()), (path, fitted))
        differing = [
            name
            for name in ("method", "spatial_dims", "in_channels", "annotation", "classes")
            if getattr(fitted, name) != getattr(first[1], name)
        ]
        if fold is None:
            what, remedy = "does not say which fold it was tuned on", "run the workflow again"
            problems.append(Problem(str(path), what, remedy))
        elif fold in found:
            what = f"is of fold {fold}, and so is {found[fold][0]}"
            problems.append(Problem(str(path), what, "give one file a fold"))
        elif differing:
            what = f"does not go with {first[0]}: they differ in {', '.join(differing)}"
            problems.append(Problem(str(path), what, "give files of one experiment"))
        else:
            found[fold] = (path, fitted)
    if problems:
        raise SeptumError(problems)
    return dict(sorted(found.items()))


def _predict(fitted: Fitted, path: Path, case: Case) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the class map (uint16) and the instance map (uint32; None without instances)."""
    axes, channels = case.image.ndim - 1, len(case.image)
    if (axes, channels) != (fitted.spatial_dims, fitted.in_channels):
        what = f"is {axes}-D with {channels} channels, but the baseline was tuned on"
        what = f"{what} {fitted.spatial_dims}-D images with {fitted.in_channels}"
        raise fail(path, what, "give images of the kind that it was tuned on")
    method = create(fitted.method, fitted.parameters)
    instance = method.segment(case.image, spacing=case.geometry.spacing)
    (number,) = fitted.classes
    semantic = np.where(instance > 0, number, 0).astype(np.uint16)
    return semantic, None if fitted.annotation == "semantic" else instance
