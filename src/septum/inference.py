"""The prediction stage: batches of cases with the models of all folds, and new images by name.

No case is predicted by a model that was trained on it: a validation case by the model of its
fold, a test or unlabelled case by all models together (the mean of their probabilities).
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from septum.atomic import atomic_path, require_writable
from septum.config import Predict
from septum.device import choose_device
from septum.errors import Problem, SeptumError, fail
from septum.export import export_prediction, export_stem
from septum.foldcases import prediction_jobs
from septum.measure import CaseCosts, PredictionCosts, usage, write_costs
from septum.modelfile import ModelHeader, read_header
from septum.normalise import statistics
from septum.plan import read_plan
from septum.predictor import (
    Model,
    describe,
    load_models,
    predict_case,
    require_fit,
)
from septum.readers import check_reader, choose_reader, read_image
from septum.store import (
    Geometry,
    Prediction,
    case_paths,
    open_case,
    write_prediction,
)

_log = logging.getLogger(__name__)


def predict_batch(
    *,
    models: Sequence[str | Path],
    cases: str | Path,
    plan: str | Path,
    out: str | Path,
    settings: Predict,
    costs: str | Path | None = None,
) -> None:
    """Predict the cases of a batch folder that the models may be judged by.

    Validation cases of a fold are predicted by the fold's model, if it is among ``models``;
    test and unlabelled cases by all. Cases that all models were trained on are left out.

    Parameters
    ----------
    models : sequence of path
        Model files, one a fold.
    cases : path
        Batch folder of canonical cases.
    plan : path
        The dataset's plan.json.
    out : path
        Folder of the predictions (`septum.store.write_prediction`), whole or not at all.
        Attributes of each: ``subset`` (val, test or unlabelled), ``fold`` (a number, or
        ``ensemble``), ``annotation``, ``classes``, ``decoder``, ``models`` (SHA-256).
    settings : Predict
    costs : path, optional
        Where to write what it took (`septum.measure.PredictionCosts`).

    Raises
    ------
    SeptumError
        If a GPU is demanded and there is none, a file is no model, or models do not go together.
    """
    device = choose_device(settings.device, "predict.device")
    by_fold = _by_fold(models)
    jobs = prediction_jobs(case_paths([cases]), read_plan(plan), list(by_fold))
    loaded: dict[str, Model] = {}
    taken: list[CaseCosts] = []
    with atomic_path(out) as folder:
        folder.mkdir()
        for name, path, subset, fold in jobs:
            if fold not in loaded:
                paths = list(by_fold.values()) if fold == "ensemble" else [by_fold[int(fold)]]
                loaded[fold] = load_models(paths, device)
            model = loaded[fold]
            case = open_case(path)
            require_fit(path, case.image.shape, model.header)
            start = time.monotonic()
            semantic, instance = predict_case(model, case.image, case.statistics, settings)
            taken.append(
                CaseCosts(
                    case=name,
                    models=len(model.digests),
                    pixels=semantic.size,
                    seconds=time.monotonic() - start,
                )
            )
            write_prediction(
                folder / path.name,
                semantic=semantic,
                instance=instance,
                geometry=case.geometry,
                name=name,
                attributes={**describe(model), "subset": subset, "fold": fold},
            )
            _report(name, f"{subset}, {fold}", instance, time.monotonic() - start)
    if costs is not None:
        used = usage(device, torch.get_num_threads())
        write_costs(Path(costs), PredictionCosts(**used.model_dump(), cases=taken))


def predict_images(
    *,
    images: Sequence[str | Path],
    models: Sequence[str | Path],
    out: str | Path,
    reader: str = "auto",
    settings: Predict,
) -> None:
    """Segment new images and write the labels in the format of each image.

    Intensities are normalised as in training, by the statistics of each image. What
    ``settings`` leaves unsaid is as the model was trained to be used, but for the device.

    Parameters
    ----------
    images : sequence of path
        In any format that `septum.readers` knows.
    models : sequence of path
        One model file; of several, the mean of their probabilities is taken.
    out : path
        Folder of the results; made where it is missing. Each file replaces an older one of its
        name when it is whole.
    reader : str
        How images are read (`septum.readers.READERS`), or ``auto``.
    settings : Predict

    Raises
    ------
    SeptumError
        Before anything is predicted: a missing image, an unknown format, two images whose
        results would have one name, results that would lie among the images. At the end: all
        images that could not be segmented; the others are done.
    """
    device = choose_device(settings.device, "predict.device")
    check_reader(reader, "--reader")
    require_writable(out)
    paths = [Path(path) for path in dict.fromkeys(images)]
    stems = _stems(paths, Path(out), reader, two_maps=_gives_two_maps(read_header(models[0])))
    model = load_models(models, device)
    given = settings.model_dump(exclude_unset=True)
    trained = {k: v for k, v in model.header.predict.items() if k != "device"}
    settings = Predict.model_validate({**trained, **given})
    problems: list[Problem] = []
    for path, stem in stems.items():
        try:
            _predict_image(path, stem, model, Path(out), reader, settings)
        except SeptumError as error:
            problems += error.problems
    if problems:
        raise SeptumError(dict.fromkeys(problems))


def _stems(images: Sequence[Path], out: Path, reader: str, *, two_maps: bool) -> dict[Path, str]:
    """Return the name of each result without its suffix; check all that can be checked now."""
    stems: dict[Path, str] = {}
    taken: dict[str, Path] = {}
    problems = []
    for path in images:
        if not os.path.exists(path):
            problems.append(Problem(str(path), "does not exist", "check the path"))
            continue
        try:
            choose_reader(path, reader)
        except SeptumError as error:
            problems += error.problems
            continue
        # any part of the name will do: the whole name without its suffix is wanted
        stem = export_stem(path.name.split(".")[0], Geometry((), source={"path": str(path)}))
        names = [stem.lower(), *([f"{stem}_classes".lower()] if two_maps else [])]
        for rival in {taken[name] for name in names if name in taken}:
            what = f"would give a result of the same name as {rival}"
            problems.append(Problem(str(path), what, "predict them into different folders"))
        if path.parent.resolve() == out.resolve():
            what = "lies in the folder of the results, which might replace it"
            problems.append(Problem(str(path), what, "give another folder by --out"))
        stems[path] = stem
        taken |= dict.fromkeys(names, path)
    if problems:
        raise SeptumError(problems)
    return stems


def _gives_two_maps(header: ModelHeader) -> bool:
    """Say whether classes are delivered beside instances (`septum.export.export_prediction`)."""
    several = header.annotation == "instance" and len(header.classes) > 1
    return several or header.annotation == "panoptic"


def _predict_image(
    path: Path, stem: str, model: Model, out: Path, reader: str, settings: Predict
) -> None:
    image, geometry = read_image(path, reader, where="--reader")
    require_fit(path, image.shape, model.header)
    if not np.isfinite(image).all():
        what = "holds pixels that are not finite (NaN or infinity)"
        raise fail(path, what, "replace them, for example by the background's intensity")
    _warn_of_scale(path, geometry, model.header)
    start = time.monotonic()
    semantic, instance = predict_case(model, image, statistics(image), settings)
    prediction = Prediction(
        name=path.name,
        semantic=semantic,
        instance=instance,
        geometry=geometry,
        attributes=describe(model),
    )
    written = export_prediction(out, prediction, stem=stem)
    _report(" ".join(map(str, written)), str(path), instance, time.monotonic() - start)


def _warn_of_scale(path: Path, geometry: Geometry, header: ModelHeader) -> None:
    """Say so where pixels are of another size than those the model was trained on."""
    if "pixel" in (geometry.unit, header.unit):
        return
    millimeters = {"millimeter": 1.0, "micrometer": 1e-3}
    here = np.multiply(geometry.spacing, millimeters[geometry.unit])
    there = np.multiply(header.spacing, millimeters[header.unit])
    ratio = float(np.exp(np.abs(np.log(here / there)).max()))
    if ratio > 1.5:
        _log.warning(
            "%s: its pixels are %s %ss, those of the training images %s %ss: expect worse results",
            path,
            " × ".join(f"{step:g}" for step in geometry.spacing),
            geometry.unit,
            " × ".join(f"{step:g}" for step in header.spacing),
            header.unit,
        )


def _by_fold(models: Sequence[str | Path]) -> dict[int, Path]:
    found: dict[int, Path] = {}
    problems = []
    for path in map(Path, models):
        fold = read_header(path).trained.get("fold")
        if fold is None:
            what = "does not say which fold it was trained on"
            problems.append(Problem(str(path), what, "train it by `septum train`"))
        elif fold in found:
            what = f"is of fold {fold}, and so is {found[fold]}"
            problems.append(Problem(str(path), what, "give one model a fold"))
        else:
            found[fold] = path
    if problems:
        raise SeptumError(problems)
    return dict(sorted(found.items()))


def _report(name: str, by: str, instance: np.ndarray | None, seconds: float) -> None:
    objects = "" if instance is None else f", {int(instance.max(initial=0))} objects"
    _log.info("%s (%s): %.1f s%s", name, by, seconds, objects)
