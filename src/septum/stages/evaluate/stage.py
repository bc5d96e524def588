"""Scores of an experiment: ``cases.csv``, ``classes.csv``, ``confusion.csv``, ``pooled.csv``.

All overlap scores of a case come from one pass over its pixels (`septum.metrics`). An undefined
score (nothing in truth and prediction) is an empty field and ignored by means; ``n_true`` and
``n_pred`` show where that is so. A surface distance to a class without pixels is ``inf``, for
the class and for its case. Sums are written beside the ratios, so that cases can be pooled: PQ
of a class over all cases is Σ iou_sum / Σ (tp + fp/2 + fn/2) of its rows in ``classes.csv``.
``confusion.csv`` holds the number of pixels of each pair of true and predicted class.
``objects.npz`` holds the objects of all cases, in the order of ``cases.csv``, from which the
leaderboard pools and resamples COCO's average precision (`septum.metrics.objects`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from septum.config.schema import Evaluate
from septum.data.plan import Plan, read_plan
from septum.data.store import case_paths, open_prediction, read_case, read_prediction
from septum.errors import Problem, Problems, SeptumError, problem
from septum.io.atomic import write_text
from septum.io.tables import FORMAT_VERSION, VERSION_COLUMN, csv_text
from septum.metrics.case import AP_COLUMNS, CaseScores, Row, evaluate_case
from septum.metrics.objects import pool
from septum.metrics.semantic import Confusion
from septum.stages.evaluate.pooled import POOLED_COLUMNS, pooled_rows

WHERE_COLUMNS = ("case", "fold", "subset")
CASE_COLUMNS = (
    *WHERE_COLUMNS,
    *("iou", "dice", "pixel_accuracy", "mean_accuracy", "mean_iou", "fw_iou", "pq", "sq", "rq"),
    *("pq_things", "sq_things", "rq_things", "pq_stuff", "sq_stuff", "rq_stuff"),
    *("ap", *AP_COLUMNS, "seg", "n_true", "n_pred", "tp", "fp", "fn"),
    *("split", "merged", "missed", "spurious", "hd95", "assd", VERSION_COLUMN),
)
CLASS_COLUMNS = (
    *WHERE_COLUMNS,
    *("class", "class_name", "kind", "iou", "dice", "accuracy"),
    *("intersection", "union", "true_pixels", "pred_pixels"),
    *("pq", "sq", "rq", "tp", "fp", "fn", "iou_sum", "hd95", "assd"),
)
CONFUSION_COLUMNS = (*WHERE_COLUMNS, "true", "true_name", "predicted", "predicted_name", "pixels")


def evaluate_experiment(
    *,
    cases: Sequence[Path],
    predicted: Sequence[Path],
    plan: Path,
    settings: Evaluate,
    out_cases: Path,
    out_classes: Path,
    out_pooled: Path,
    out_confusion: Path,
    out_objects: Path,
    workers: int = 1,
) -> None:
    """Score every predicted test and validation case of an experiment.

    Parameters
    ----------
    cases, predicted : sequences of Path
        Batch folders of canonical cases and of predictions.
    plan : Path
        plan.json of the dataset.
    settings : Evaluate
    out_cases, out_classes, out_pooled, out_confusion : Path
        CSV files to write; rows are sorted by case.
    out_objects : Path
        File of the scored objects to write (``.npz``).
    workers : int
        Number of cases that are scored in parallel.

    Raises
    ------
    SeptumError
        With every case that lacks a prediction or an annotation, or whose prediction has
        another shape.
    """
    resolved = read_plan(plan)
    truths, predictions = case_paths(cases), case_paths(predicted)
    where = _scored_predictions(predictions)
    _check_complete(resolved, where, truths)

    def score(name: str) -> CaseScores:
        return _score(truths[name], predictions[name], resolved, settings)

    names = sorted(where)
    with ThreadPoolExecutor(max_workers=workers) as threads:
        scored = dict(zip(names, threads.map(score, names), strict=True))
    version = {VERSION_COLUMN: FORMAT_VERSION}
    of_cases = [{**where[name], **scored[name].case, **version} for name in names]
    of_classes = [{**where[name], **row} for name in names for row in scored[name].classes]
    write_text(out_cases, csv_text(CASE_COLUMNS, of_cases))
    write_text(out_classes, csv_text(CLASS_COLUMNS, of_classes))
    write_text(out_pooled, csv_text(POOLED_COLUMNS, _pooled(where, scored)))
    class_names = {0: "background"} | {i: spec.name for i, spec in resolved.classes.items()}
    of_pairs = [
        {**where[name], **row}
        for name in names
        for row in _pairs_of_classes(scored[name].confusion, class_names)
    ]
    write_text(out_confusion, csv_text(CONFUSION_COLUMNS, of_pairs))
    pool(scored[name].objects for name in names).save(out_objects)


def _pooled(where: Mapping[str, Row], scored: Mapping[str, CaseScores]) -> list[Row]:
    rows = []
    for subset in ("test", "val"):
        names = [name for name in scored if where[name]["subset"] == subset]
        rows += pooled_rows(subset, [scored[name] for name in names]) if names else []
    return rows


def _pairs_of_classes(confusion: Confusion, names: Mapping[int, str]) -> list[Row]:
    """Return a row for each pair of true and predicted class with common pixels."""
    return [
        {
            "true": int(true),
            "true_name": names[int(true)],
            "predicted": int(predicted),
            "predicted_name": names[int(predicted)],
            "pixels": int(confusion.counts[i, j]),
        }
        for i, true in enumerate(confusion.classes)
        for j, predicted in enumerate(confusion.classes)
        if confusion.counts[i, j]
    ]


def _scored_predictions(predictions: Mapping[str, Path]) -> dict[str, Row]:
    """Return case, fold and subset of the predictions that are to be scored."""
    where: dict[str, Row] = {}
    for name, path in predictions.items():
        attributes = open_prediction(path).attributes
        if attributes.fold is None or attributes.subset is None:
            raise problem(path, "does not say which fold predicted it", "predict it again")
        if attributes.subset in ("test", "val"):
            where[name] = {"case": name, "fold": attributes.fold, "subset": attributes.subset}
    return where


def _check_complete(plan: Plan, where: Mapping[str, Row], truths: Mapping[str, Path]) -> None:
    """Raise if a case would silently be missing from the scores."""
    folds = {row["fold"] for row in where.values() if row["subset"] == "val"}
    expected = [name for k, fold in enumerate(plan.folds) if str(k) in folds for name in fold]
    problems = Problems()
    for name in sorted({*plan.test, *expected} - where.keys()):
        problems.add(name, "has no prediction", "predict it, or run the workflow again")
    for name in sorted(where.keys() - truths.keys()):
        problems.add(name, "is predicted, but is not among the cases", "give its batch folder")
    problems.raise_if_any()


def _score(truth: Path, prediction: Path, plan: Plan, settings: Evaluate) -> CaseScores:
    true, pred = read_case(truth), read_prediction(prediction)
    if true.semantic is None:
        raise problem(truth, "is not annotated, and is to be scored", "annotate it, or plan again")
    try:
        return evaluate_case(
            true.semantic,
            true.instance,
            pred.semantic,
            pred.instance,
            classes=plan.classes,
            spacing=true.geometry.spacing,
            settings=settings,
            scores=pred.scores,
            void=true.void,
        )
    except SeptumError as error:
        raise SeptumError(
            Problem(f"{prediction}: {problem.where}", problem.what, problem.remedy)
            for problem in error.problems
        ) from None
