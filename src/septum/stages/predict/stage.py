"""Prediction of batches of cases with the networks of all folds.

No case is predicted by a model that was trained on it: a validation case is predicted by the
model of its fold, a test or unlabelled case by all models (the mean of their probabilities).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from septum.config.schema import Predict
from septum.data.plan import read_plan
from septum.data.store import Prediction, case_paths, open_case
from septum.inference.ensemble import combine, make_model, require_same_kind
from septum.inference.predictor import describe, predict_case
from septum.networks.device import choose_device
from septum.networks.model_file import StoredModel, read_model
from septum.stages.predict.batch import file_by_fold, files_of_fold, require_fit, write_batch
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
    """Predict the cases of a batch folder, without training cases of the models.

    Validation cases of a fold are predicted by the fold's model, if it is among ``models``;
    test and unlabelled cases by all. Cases that all models were trained on are left out.

    Parameters
    ----------
    models : sequence of path
        Model files, one a fold.
    cases : path
        Batch folder of canonical cases.
    plan : path
        plan.json of the dataset.
    out : path
        Folder of the predictions (`septum.data.store.write_prediction`), written atomically.
        Their attributes are ``subset`` (val, test or unlabelled), ``fold`` (a number, or
        ``ensemble``), ``annotation``, ``classes``, ``decoder``, ``tile`` (the window in pixels,
        as set or as chosen by ``auto``) and ``models`` (SHA-256).
    settings : Predict
    costs : path, optional
        File for the costs (`septum.io.usage.PredictionCosts`).

    Raises
    ------
    SeptumError
        If a GPU is demanded and there is none, a file is no model, or models differ in kind.
    """
    device = choose_device(settings.device, "predict.device")
    stored = [read_model(path) for path in models]
    by_fold = file_by_fold((model.path, _fold(model)) for model in stored)
    jobs = prediction_jobs(case_paths([cases]), read_plan(plan), list(by_fold))
    folds = dict.fromkeys(fold for *_, fold in jobs)
    files = {fold: files_of_fold(fold, by_fold) for fold in folds}
    needed = [model for model in stored if any(model.path in paths for paths in files.values())]
    if needed:
        require_same_kind(needed)
    # each file is loaded once, whether its network predicts alone or in an ensemble
    single = {model.path: make_model(model, device) for model in needed}
    loaded = {fold: combine([single[path] for path in paths]) for fold, paths in files.items()}

    def predict(name: str, path: Path, fold: str) -> Prediction:
        model, case = loaded[fold], open_case(path)
        require_fit(path, case.image.shape, model.header)
        semantic, instance, scores = predict_case(model, case.image, case.statistics, settings)
        attributes = describe(model, settings)
        return Prediction(name, semantic, instance, case.geometry, scores, attributes=attributes)

    threads = torch.get_num_threads()
    write_batch(jobs, out, predict, costs=costs, device=device, threads=threads)


def _fold(model: StoredModel) -> int | None:
    """Return the fold that a model was trained on, if its header names one."""
    return None if model.header.trained is None else model.header.trained.fold
