"""Functions that predictions by networks and by classical baselines share.

`septum.stages.predict.stage` predicts with networks, `septum.stages.predict.classical` with tuned
baselines. PyTorch is not imported here, so that a baseline's job does not wait for it.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from septum.config.schema import ClassSpec
from septum.data.readers.choose import choose_reader, read_image
from septum.data.store import Geometry, Prediction, write_prediction
from septum.data.writers.label_maps import export_prediction, export_stem
from septum.errors import Problems, SeptumError, problem
from septum.io.atomic import atomic_path
from septum.io.units import in_micrometers
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
            _report(name, f"{subset}, {fold}", prediction, seconds)
    if costs is not None:
        used = usage(device, threads)
        for record in earlier:
            used = used.after(record)
        write_costs(Path(costs), PredictionCosts(**used.model_dump(), cases=case_costs))


def find_stems(
    images: Sequence[str | Path], out: Path, reader: str, trained: Trained
) -> dict[Path, str]:
    """Return the name of each image's result, without its suffix.

    Raises
    ------
    SeptumError
        With all problems that can be found before predicting: missing images, unknown formats,
        images whose results would have the same name, results in the folder of the images.
    """
    stems: dict[Path, str] = {}
    path_by_name: dict[str, Path] = {}
    problems = Problems()
    for path in map(Path, dict.fromkeys(images)):
        if not os.path.exists(path):
            problems.add(path, "does not exist", "check the path")
            continue
        try:
            choose_reader(path, reader)
        except SeptumError as error:
            problems.extend(error.problems)
            continue
        # `export_stem` takes any part of the name, and returns the name without its suffix
        stem = export_stem(path.name.split(".")[0], Geometry((), source={"path": str(path)}))
        two_maps = _gives_two_maps(trained)
        names = [stem.lower(), *([f"{stem}_classes".lower()] if two_maps else [])]
        for other_path in {path_by_name[name] for name in names if name in path_by_name}:
            what = f"would give a result of the same name as {other_path}"
            problems.add(path, what, "predict them into different folders")
        if path.parent.resolve() == out.resolve():
            what = "lies in the folder of the results, which might replace it"
            problems.add(path, what, "give another folder by --out")
        stems[path] = stem
        path_by_name |= dict.fromkeys(names, path)
    problems.raise_if_any()
    return stems


def segment_images(
    stems: Mapping[Path, str],
    out: Path,
    reader: str,
    trained: Trained,
    predict: Callable[[Path, np.ndarray, Geometry], Prediction],
) -> None:
    """Segment new images and write the labels in the format of each image.

    Parameters
    ----------
    stems : mapping of Path to str
        Images, and the name of each result (`find_stems`).
    out : Path
        Folder of the results; created if it does not exist.
    reader : str
        Reader of the images (`septum.config.registry.READERS`), or ``auto``.
    trained : Trained
        Model or record of a baseline, which the images must fit.
    predict : callable
        Returns the prediction for a path, an image (C, *spatial) and a geometry.

    Raises
    ------
    SeptumError
        At the end, with all images that could not be segmented; the others are written.
    """
    problems = Problems()
    for path, stem in stems.items():
        try:
            image, geometry = read_image(path, reader, where="--reader")
            require_fit(path, image.shape, trained)
            if not np.isfinite(image).all():
                what = "holds pixels that are not finite (NaN or infinity)"
                raise problem(path, what, "replace them, for example by the background's intensity")
            _warn_of_scale(path, geometry, trained)
            start = time.monotonic()
            prediction = predict(path, image, geometry)
            written = export_prediction(out, prediction, stem=stem)
            _report(" ".join(map(str, written)), str(path), prediction, time.monotonic() - start)
        except SeptumError as error:
            problems.extend(error.problems)
    problems.raise_if_any()


def _gives_two_maps(trained: Trained) -> bool:
    """Return whether `export_prediction` writes a map of classes beside that of instances."""
    several = trained.annotation == "instance" and len(trained.classes) > 1
    return several or trained.annotation == "panoptic"


def _warn_of_scale(path: Path, geometry: Geometry, trained: Trained) -> None:
    """Log a warning if pixels differ in size from those that the model was trained on."""
    if "pixel" in (geometry.unit, trained.unit):
        return
    pixel_size = in_micrometers(geometry.spacing, geometry.unit)
    training_pixel_size = in_micrometers(trained.spacing, trained.unit)
    ratio = float(np.exp(np.abs(np.log(np.divide(pixel_size, training_pixel_size))).max()))
    if ratio > 1.5:
        _log.warning(
            "%s: its pixels are %s %ss, those of the training images %s %ss: expect worse results",
            path,
            " × ".join(f"{step:g}" for step in geometry.spacing),
            geometry.unit,
            " × ".join(f"{step:g}" for step in trained.spacing),
            trained.unit,
        )


def _report(name: str, by: str, prediction: Prediction, seconds: float) -> None:
    instance = prediction.instance
    objects = "" if instance is None else f", {int(np.max(instance, initial=0))} objects"
    _log.info("%s (%s): %.1f s%s", name, by, seconds, objects)
