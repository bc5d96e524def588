"""What predicting has in common, whatever predicts: which cases, which files, what is written.

`septum.stages.predict.stage` predicts by networks, `septum.stages.predict.classical` by tuned
baselines; a baseline's job must not wait for PyTorch, so it is not imported here.
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
    """What the header of a model file and the record of a baseline both say."""

    spatial_dims: int
    in_channels: int
    annotation: str
    classes: dict[int, ClassSpec]
    spacing: tuple[float, ...]
    unit: str


def one_a_fold(folds: Iterable[tuple[Path, int | None]]) -> dict[int, Path]:
    """Return the file of each fold, in the order of the folds.

    Parameters
    ----------
    folds : iterable of (Path, int or None)
        Files, and the fold that each says it is of.

    Raises
    ------
    SeptumError
        Naming every file that says no fold, or one that another has.
    """
    found: dict[int, Path] = {}
    problems = Problems()
    for path, fold in folds:
        if fold is None:
            remedy = "give a file that the workflow wrote"
            problems.add(path, "does not say which fold it is of", remedy)
        elif fold in found:
            what = f"is of fold {fold}, and so is {found[fold]}"
            problems.add(path, what, "give one file a fold")
        else:
            found[fold] = path
    problems.raise_if_any()
    return dict(sorted(found.items()))


def files_of(fold: str, by_fold: Mapping[int, Path]) -> list[Path]:
    """Return the files that predict together: all for ``ensemble``, else that of a fold."""
    return list(by_fold.values()) if fold == "ensemble" else [by_fold[int(fold)]]


def require_fit(path: str | Path, shape: Sequence[int], trained: Trained) -> None:
    """Check that an image (C, *spatial) is of the kind a model was trained on.

    Raises
    ------
    SeptumError
        If its axes or channels are other ones; names ``path``.
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
    """Predict the cases of a batch and write them to one folder, whole or not at all.

    Parameters
    ----------
    jobs : iterable of (name, path, subset, fold)
        As `septum.stages.predict.jobs.prediction_jobs` returns them.
    out : path
        Folder of the predictions; ``subset`` and ``fold`` join the attributes of each.
    predict : callable
        From name, path and fold to the prediction.
    costs : path, optional
        File for what it took (`septum.io.usage.PredictionCosts`).
    device, threads : str, int
        What is predicted with (`septum.io.usage.usage`), for the record of costs.
    earlier : sequence of PredictionCosts
        Of predictions that these are made of; theirs are added.
    """
    before: Counter[str] = Counter()
    for record in earlier:
        for case in record.cases:
            before[case.case] += case.seconds
    taken = []
    with atomic_path(out) as folder:
        folder.mkdir()
        for name, path, subset, fold in jobs:
            start = time.monotonic()
            found = predict(name, path, fold)
            seconds = time.monotonic() - start + before[name]
            models = len(found.attributes.models)
            taken.append(
                CaseCosts(case=name, models=models, pixels=found.semantic.size, seconds=seconds)
            )
            write_prediction(
                folder / path.name,
                semantic=found.semantic,
                instance=found.instance,
                geometry=found.geometry,
                name=name,
                scores=found.scores,
                attributes=replace(found.attributes, subset=subset, fold=fold),
            )
            _report(name, f"{subset}, {fold}", found, seconds)
    if costs is not None:
        used = usage(device, threads)
        for one in earlier:
            used = used.after(one)
        write_costs(Path(costs), PredictionCosts(**used.model_dump(), cases=taken))


def find_stems(
    images: Sequence[str | Path], out: Path, reader: str, trained: Trained
) -> dict[Path, str]:
    """Return the name of each image's result, without its suffix.

    Raises
    ------
    SeptumError
        A missing image, an unknown format, two images whose results would have one name,
        results that would lie among the images: all that can be checked before predicting.
    """
    stems: dict[Path, str] = {}
    taken: dict[str, Path] = {}
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
        # any part of the name will do: the whole name without its suffix is wanted
        stem = export_stem(path.name.split(".")[0], Geometry((), source={"path": str(path)}))
        two_maps = _gives_two_maps(trained)
        names = [stem.lower(), *([f"{stem}_classes".lower()] if two_maps else [])]
        for rival in {taken[name] for name in names if name in taken}:
            what = f"would give a result of the same name as {rival}"
            problems.add(path, what, "predict them into different folders")
        if path.parent.resolve() == out.resolve():
            what = "lies in the folder of the results, which might replace it"
            problems.add(path, what, "give another folder by --out")
        stems[path] = stem
        taken |= dict.fromkeys(names, path)
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
        Folder of the results; made where it is missing.
    reader : str
        How images are read (`septum.config.registry.READERS`), or ``auto``.
    trained : Trained
        What predicts, to compare the images with.
    predict : callable
        From path, image (C, *spatial) and geometry to the prediction.

    Raises
    ------
    SeptumError
        At the end: all images that could not be segmented; the others are done.
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
            found = predict(path, image, geometry)
            written = export_prediction(out, found, stem=stem)
            _report(" ".join(map(str, written)), str(path), found, time.monotonic() - start)
        except SeptumError as error:
            problems.extend(error.problems)
    problems.raise_if_any()


def _gives_two_maps(trained: Trained) -> bool:
    """Say whether classes are delivered beside instances (`export_prediction`)."""
    several = trained.annotation == "instance" and len(trained.classes) > 1
    return several or trained.annotation == "panoptic"


def _warn_of_scale(path: Path, geometry: Geometry, trained: Trained) -> None:
    """Say so where pixels are of another size than those the model was trained on."""
    if "pixel" in (geometry.unit, trained.unit):
        return
    here = in_micrometers(geometry.spacing, geometry.unit)
    there = in_micrometers(trained.spacing, trained.unit)
    ratio = float(np.exp(np.abs(np.log(np.divide(here, there))).max()))
    if ratio > 1.5:
        _log.warning(
            "%s: its pixels are %s %ss, those of the training images %s %ss: expect worse results",
            path,
            " × ".join(f"{step:g}" for step in geometry.spacing),
            geometry.unit,
            " × ".join(f"{step:g}" for step in trained.spacing),
            trained.unit,
        )


def _report(name: str, by: str, found: Prediction, seconds: float) -> None:
    instance = found.instance
    objects = "" if instance is None else f", {int(np.max(instance, initial=0))} objects"
    _log.info("%s (%s): %.1f s%s", name, by, seconds, objects)
