"""The prediction stage: batches of cases with the models of all folds, and new images by name.

No case is predicted by a model that was trained on it: a validation case by the model of its
fold, a test or unlabelled case by all models together (the mean of their probabilities).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from septum.config.schema import Predict
from septum.data.intensity import statistics
from septum.data.plan import read_plan
from septum.data.readers.choose import check_reader
from septum.data.store import Geometry, Prediction, case_paths, open_case
from septum.inference.ensemble import combine, make_model, require_same_kind
from septum.inference.predictor import describe, predict_case
from septum.io.atomic import require_writable
from septum.networks.device import choose_device
from septum.networks.model_file import StoredModel, read_model
from septum.stages.predict.batch import (
    files_of,
    find_stems,
    one_a_fold,
    require_fit,
    segment_images,
    write_batch,
)
from septum.stages.predict.jobs import prediction_jobs


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
        Folder of the predictions (`septum.data.store.write_prediction`), whole or not at all.
        Attributes of each: ``subset`` (val, test or unlabelled), ``fold`` (a number, or
        ``ensemble``), ``annotation``, ``classes``, ``decoder``, ``tile`` (the window that was
        asked for, or that ``auto`` came to, in pixels), ``models`` (SHA-256).
    settings : Predict
    costs : path, optional
        Where to write what it took (`septum.io.usage.PredictionCosts`).

    Raises
    ------
    SeptumError
        If a GPU is demanded and there is none, a file is no model, or models do not go together.
    """
    device = choose_device(settings.device, "predict.device")
    stored = [read_model(path) for path in models]
    by_fold = one_a_fold((model.path, _fold(model)) for model in stored)
    jobs = prediction_jobs(case_paths([cases]), read_plan(plan), list(by_fold))
    folds = dict.fromkeys(fold for *_, fold in jobs)
    files = {fold: files_of(fold, by_fold) for fold in folds}
    needed = [model for model in stored if any(model.path in paths for paths in files.values())]
    if needed:
        require_same_kind(needed)
    # one network a file, whether it predicts alone or with the others
    single = {model.path: make_model(model, device) for model in needed}
    loaded = {fold: combine([single[path] for path in paths]) for fold, paths in files.items()}

    def predict(name: str, path: Path, fold: str) -> Prediction:
        model, case = loaded[fold], open_case(path)
        require_fit(path, case.image.shape, model.header)
        semantic, instance, scores = predict_case(model, case.image, case.statistics, settings)
        kept = describe(model, settings)
        return Prediction(name, semantic, instance, case.geometry, scores, attributes=kept)

    threads = torch.get_num_threads()
    write_batch(jobs, out, predict, costs=costs, device=device, threads=threads)


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
        In any format that `septum.data.readers.choose` knows.
    models : sequence of path
        One model file; of several, the mean of their probabilities is taken.
    out : path
        Folder of the results; made where it is missing. Each file replaces an older one of its
        name when it is whole.
    reader : str
        How images are read (`septum.config.registry.READERS`), or ``auto``.
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
    stored = [read_model(path) for path in models]
    stems = find_stems(images, Path(out), reader, stored[0].header)
    require_same_kind(stored)
    model = combine([make_model(one, device) for one in stored])
    given = settings.model_dump(exclude_unset=True)
    trained = model.header.predict.model_dump(exclude={"device"})
    settings = Predict.model_validate({**trained, **given})

    def predict(path: Path, image: np.ndarray, geometry: Geometry) -> Prediction:
        semantic, instance, scores = predict_case(model, image, statistics(image), settings)
        kept = describe(model, settings)
        return Prediction(path.name, semantic, instance, geometry, scores, kept)

    segment_images(stems, Path(out), reader, model.header, predict)


def _fold(model: StoredModel) -> int | None:
    """Return the fold that a model was trained on, if it says one."""
    return None if model.header.trained is None else model.header.trained.fold
