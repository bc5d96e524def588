"""The export of an experiment's predictions: label maps, and formats of other programs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from septum.config import registry
from septum.config.schema import Export
from septum.data.plan import read_plan
from septum.data.store import Prediction, case_paths, open_case, open_prediction
from septum.data.writers.base import ObjectWriter
from septum.data.writers.format_fits import format_problems
from septum.data.writers.label_maps import export_prediction, stems_of
from septum.errors import Problems, problem
from septum.io.atomic import atomic_path


def export_predictions(
    *,
    predicted: Sequence[str | Path],
    out: str | Path,
    settings: Export,
    cases: Sequence[str | Path] = (),
    plan: str | Path | None = None,
) -> None:
    """Export all predictions of some batch folders into one folder, all or none.

    Parameters
    ----------
    predicted : sequence of str or Path
        Folders of predictions (`septum.data.store.write_prediction`).
    out : str or Path
        Folder to write; an older one is replaced.
    settings : Export
        Names the formats to write beside the label maps.
    cases : sequence of str or Path
        Batch folders of the cases; the table measures intensities in their images.
    plan : str or Path, optional
        plan.json of the dataset, from which every format but label maps takes the classes.

    Raises
    ------
    SeptumError
        If a prediction is damaged, if ``out`` cannot be written or holds other files, or if a
        format does not suit the predictions.
    """
    resolved = None if plan is None else read_plan(plan)
    if resolved is None and settings.formats:
        raise problem("--plan", "is missing", "give the plan.json of the cases' dataset")
    if resolved is not None:
        of_plan = (resolved.dataset, resolved.spatial_dims, resolved.annotation)
        Problems(format_problems(settings.formats, "export.formats", *of_plan)).raise_if_any()
    predictions = [open_prediction(path) for path in case_paths(predicted).values()]
    stems = stems_of(predictions)
    with atomic_path(out) as folder:
        folder.mkdir()
        for prediction in predictions:
            export_prediction(folder, prediction, stem=stems[prediction.name])
        if resolved is not None:
            formats = {name: registry.WRITERS[name].load() for name in settings.formats}
            writers = [writer(resolved.classes) for writer in formats.values()]
            _write_objects(folder, predictions, stems, writers, _Images(cases))
        written = set(os.listdir(folder))
        if os.path.isdir(out) and set(os.listdir(out)) - written:
            raise problem(
                out, "holds other files than predictions", "give a new or an empty folder"
            )


class _Images:
    """Images of the cases; their folders are listed when the first image is read."""

    def __init__(self, folders: Sequence[str | Path]) -> None:
        self.folders = folders

    @cached_property
    def paths(self) -> dict[str, Path]:
        return case_paths(self.folders)

    def read(self, name: str) -> np.ndarray:
        if name not in self.paths:
            what = "is predicted, but is not among the cases"
            raise problem(name, what, "give its batch folder")
        return np.asarray(open_case(self.paths[name]).image[...])


def _write_objects(
    folder: Path,
    predictions: Sequence[Prediction],
    stems: Mapping[str, str],
    writers: Sequence[ObjectWriter],
    images: _Images,
) -> None:
    """Write all cases in every format, one case after the other."""
    for prediction in predictions:
        read_image = partial(images.read, prediction.name)
        for writer in writers:
            writer.add(folder, stems[prediction.name], prediction, read_image)
    for writer in writers:
        writer.finish(folder)
