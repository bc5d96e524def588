"""Deliver the predictions of an experiment: label maps, and what other programs read."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from septum.config.schema import ClassSpec, Export
from septum.data.plan import read_plan
from septum.data.store import Prediction, case_paths, open_case, open_prediction
from septum.data.writers.label_maps import export_prediction, stems_of
from septum.data.writers.object_files import (
    Coco,
    CocoPanoptic,
    format_problems,
    geojson,
    write_rois,
)
from septum.data.writers.table import as_csv, object_table
from septum.errors import SeptumError, problem
from septum.io.atomic import atomic_path, write_text


def export_predictions(
    *,
    predicted: Sequence[str | Path],
    out: str | Path,
    settings: Export,
    cases: Sequence[str | Path] = (),
    plan: str | Path | None = None,
) -> None:
    """Deliver every prediction of some batch folders into one folder, all or none.

    Parameters
    ----------
    predicted : sequence of str or Path
        Folders of predictions (`septum.data.store.write_prediction`).
    out : str or Path
        An older one is replaced.
    settings : Export
        Which formats there are beside the label maps.
    cases : sequence of str or Path
        Batch folders of the cases; the table needs their intensities.
    plan : str or Path, optional
        The dataset's plan.json, for its classes; every format needs it.

    Raises
    ------
    SeptumError
        If a prediction is damaged, ``out`` cannot be written or holds other files, or a format is
        not for such predictions.
    """
    resolved = None if plan is None else read_plan(plan)
    if resolved is None and settings.formats:
        raise problem("--plan", "is missing", "give the plan.json of the cases' dataset")
    if resolved is not None:
        of_plan = (resolved.dataset, resolved.spatial_dims, resolved.annotation)
        problems = list(format_problems(settings.formats, "export.formats", *of_plan))
        if problems:
            raise SeptumError(problems)
    predictions = [open_prediction(path) for path in case_paths(predicted).values()]
    stems = stems_of(predictions)
    with atomic_path(out) as folder:
        folder.mkdir()
        for prediction in predictions:
            export_prediction(folder, prediction, stem=stems[prediction.name])
        if resolved is not None:
            images = case_paths(cases) if "table" in settings.formats else {}
            named = [(stems[p.name], p) for p in predictions]
            _write_objects(folder, named, settings.formats, resolved.classes, images)
        written = set(os.listdir(folder))
        if os.path.isdir(out) and set(os.listdir(out)) - written:
            raise problem(
                out, "holds other files than predictions", "give a new or an empty folder"
            )


def _write_objects(
    folder: Path,
    named: Sequence[tuple[str, Prediction]],
    formats: Sequence[str],
    classes: dict[int, ClassSpec],
    images: dict[str, Path],
) -> None:
    coco, panoptic = Coco(classes), CocoPanoptic(classes)
    for stem, prediction in named:
        if "table" in formats and prediction.instance is not None:
            if prediction.name not in images:
                what = "is predicted, but is not among the cases"
                raise problem(prediction.name, what, "give its batch folder")
            image = np.asarray(open_case(images[prediction.name]).image[...])
            table = object_table(_loaded(prediction), image, classes)
            write_text(folder / f"{stem}_objects.csv", as_csv(table))
        if "coco" in formats:
            coco.add(prediction)
        if "coco_panoptic" in formats:
            panoptic.add_to(folder, prediction, stem)
        if "geojson" in formats:
            # in one line: a line for each coordinate is seven times as long
            text = json.dumps(geojson(prediction, classes), ensure_ascii=False, allow_nan=False)
            write_text(folder / f"{stem}.geojson", text + "\n")
        if "imagej_roi" in formats:
            write_rois(folder / f"{stem}_rois.zip", prediction, classes)
    if "coco" in formats:
        coco.write(folder)
    if "coco_panoptic" in formats:
        panoptic.write(folder)


def _loaded(prediction: Prediction) -> Prediction:
    semantic, instance = prediction.semantic[...], prediction.instance[...]
    return Prediction(prediction.name, semantic, instance, prediction.geometry, prediction.scores)
