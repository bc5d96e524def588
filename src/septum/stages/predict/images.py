"""Functions that segmentations of new images by networks and by baselines share.

They are apart from `septum.stages.predict.batch`, which the workflow's rules run, since they read
and write image formats. PyTorch is not imported here, so that a baseline does not wait for it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from septum.data.readers.choose import choose_reader, read_image
from septum.data.store import Geometry, Prediction
from septum.data.writers.label_maps import export_prediction, export_stem
from septum.errors import Problems, SeptumError, problem
from septum.io.units import in_micrometers
from septum.stages.predict.batch import Trained, log_prediction, require_fit

_log = logging.getLogger(__name__)


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
            log_prediction(
                " ".join(map(str, written)), str(path), prediction, time.monotonic() - start
            )
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
