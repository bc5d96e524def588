"""The merge of two experiments, one of objects and one of classes of pixels, to panoptic maps.

Any two experiments are merged after both have predicted; the published pair is Mask R-CNN and a
dilated FCN (Kirillov et al., CVPR 2019, https://arxiv.org/abs/1801.00868, section 6). The two
limits of `septum.decoding.panoptic.panoptic_merge` are tuned on the validation cases of a fold,
on which neither experiment was trained.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from septum.classical.fitted import data_of, read_record
from septum.config.schema import Merge
from septum.data.fold_cases import find_validation_cases
from septum.data.plan import Plan
from septum.data.store import (
    VOID,
    Prediction,
    case_paths,
    open_case,
    open_prediction,
    read_prediction,
)
from septum.decoding.panoptic import least_stuff, panoptic_merge
from septum.errors import Problems, problem
from septum.io.atomic import write_json
from septum.io.data_digest import data_digest
from septum.io.usage import (
    COSTS_FILE,
    PredictionCosts,
    TrainingCosts,
    read_costs,
    usage,
    write_costs,
)
from septum.metrics.panoptic import panoptic_quality
from septum.stages.merge.record import Merged, common_merge
from septum.stages.predict.batch import file_by_fold, files_of_fold, write_batch
from septum.stages.tune.coordinate_descent import descend, mean_score
from septum.stages.tune.subsample import central_windows

MAX_VALIDATION_PIXELS = 2**24
"""Validation pixels that limits are tuned on, which takes about a minute."""
MIN_PIXELS_PER_CASE = 2**19
"""Pixels to which the windows of large cases may shrink before whole cases are left out."""
THRESHOLDS = (0.0, *(percent / 100 for percent in range(30, 100, 5)))


def tune_merge(
    *,
    merge: Merge,
    experiment: str,
    instances: Sequence[Path],
    semantic: Sequence[Path],
    cases: Sequence[Path],
    plan: Plan,
    fold: int,
    earlier: Sequence[Path],
    out: Path,
    digests: Mapping[str, str],
    threads: int = 1,
) -> None:
    """Tune the limits of a merge on the validation cases of a fold; write ``parameters.json``.

    Parameters
    ----------
    merge : Merge
        The two experiments.
    experiment : str
        Name of the merge.
    instances, semantic : sequence of Path
        Batch folders of the predictions of objects and of classes of pixels.
    cases : sequence of Path
        Batch folders of canonical cases.
    plan : Plan
        Plan of the dataset.
    fold : int
    earlier : sequence of Path
        ``costs.json`` of the trainings of both experiments on this fold, which are added to the
        costs of the merge.
    out : Path
        The file, written atomically; ``costs.json`` is written beside it.
    digests : mapping
        Digests to store in the file, to which that of the validation cases is added.
    threads : int
        Number of threads that libraries may use, for the record of costs.

    Raises
    ------
    SeptumError
        If a validation case, or one of its two predictions, is missing.
    """
    paths = find_validation_cases(plan, fold, cases)
    start = time.monotonic()
    best = _best(_samples(paths, case_paths(instances), case_paths(semantic), fold), plan)
    trained = [read_costs(path, TrainingCosts) for path in earlier]
    record = Merged(
        method="panoptic_merge",
        merge=merge,
        parameters=best["parameters"],
        score=best["score"],
        **data_of(plan),
        digests={**digests, "data": data_digest(paths)},
        fitted={"dataset": plan.dataset, "experiment": experiment, "fold": fold},
    )
    total = _sum([*(t.training_s for t in trained), time.monotonic() - start])
    costs = usage("cpu", threads)
    for earlier_costs in trained:
        costs = costs.after(earlier_costs)
    weights = _sum([t.parameters for t in trained])
    together = TrainingCosts(**costs.model_dump(), training_s=total, parameters=weights)
    write_costs(Path(out).parent / COSTS_FILE, together)
    write_json(out, record.model_dump(mode="json"))


def merge_batch(
    *,
    parameters: Sequence[Path],
    instances: Path,
    semantic: Path,
    earlier: Sequence[Path],
    out: Path,
    costs: Path | None = None,
    threads: int = 1,
) -> None:
    """Merge the predictions of a batch.

    Parameters
    ----------
    parameters : sequence of Path
        ``parameters.json``, one a fold. A validation case is merged with the parameters of its
        fold, all other cases with the medians over the folds.
    instances, semantic : Path
        Batch folders of the predictions of objects and of classes of pixels.
    earlier : sequence of Path
        Costs of the two predictions (`septum.io.usage.PredictionCosts`), which are added to
        those of the merge.
    out : Path
        Folder of the merged predictions (`septum.data.store.write_prediction`), written
        atomically.
    costs : Path, optional
        File for the sum of the costs.
    threads : int
        Number of threads that libraries may use, for the record of costs.

    Raises
    ------
    SeptumError
        If a file holds no parameters, or the two experiments predicted different cases, or one
        case with different folds.
    """
    records = {path: read_record(path, Merged) for path in map(Path, parameters)}
    by_fold = file_by_fold((path, record.fitted.get("fold")) for path, record in records.items())
    objects, pixels = case_paths([instances]), case_paths([semantic])
    jobs = _jobs(objects, pixels, semantic)

    def predict(name: str, path: Path, fold: str) -> Prediction:
        used = common_merge([records[file] for file in files_of_fold(fold, by_fold)])
        with_objects, with_classes = read_prediction(path), read_prediction(pixels[name])
        if with_objects.instance is None:
            what = "holds no objects to be merged with classes of pixels"
            raise problem(path, what, "name an experiment that finds objects under merge.instances")
        object_maps = (with_objects.semantic, with_objects.instance, with_objects.scores)
        merged = panoptic_merge(object_maps, with_classes.semantic, used.classes, **used.parameters)
        attributes = replace(
            with_objects.attributes,
            merge=used.merge.model_dump(),
            parameters=used.parameters,
            models=(*with_objects.attributes.models, *with_classes.attributes.models),
            # these are of the objects alone
            decoder=None,
            tile=None,
        )
        return Prediction(name, merged[0], merged[1], with_objects.geometry, merged[2], attributes)

    took = [read_costs(path, PredictionCosts) for path in earlier]
    write_batch(jobs, out, predict, costs=costs, threads=threads, earlier=took)


def _jobs(
    objects: Mapping[str, Path], pixels: Mapping[str, Path], semantic: Path
) -> list[tuple[str, Path, str, str]]:
    """Return the cases with their subset and fold; raise if the two experiments disagree."""
    jobs, problems = [], Problems()
    remedy = "train both experiments on the same folds, and run the workflow again"
    for name, path in objects.items():
        source = _predicted_by(path)
        if name not in pixels:
            problems.add(name, f"has no prediction in {semantic}", remedy)
        elif (other_source := _predicted_by(pixels[name])) != source:
            what = f"is predicted by fold {source[1]} in one experiment"
            problems.add(name, f"{what}, and by {other_source[1]} in the other", remedy)
        jobs.append((name, path, *source))
    problems.raise_if_any()
    return sorted(jobs, key=lambda job: (job[3], job[0]))


def _predicted_by(path: Path) -> tuple[str, str]:
    attributes = open_prediction(path).attributes
    return str(attributes.subset), str(attributes.fold)


_Sample = tuple[tuple[np.ndarray, np.ndarray], tuple, np.ndarray]
"""The true maps, the predicted objects with their scores, and the predicted classes of pixels."""


def _samples(
    paths: Sequence[Path], objects: Mapping[str, Path], pixels: Mapping[str, Path], fold: int
) -> list[_Sample]:
    """Return the samples to tune on: whole validation cases, or the centres of large ones."""
    samples, problems = [], Problems()
    for path, window in central_windows(
        paths, most=MAX_VALIDATION_PIXELS, least=MIN_PIXELS_PER_CASE
    ):
        case = open_case(path)
        files = [path_by_case.get(case.name) for path_by_case in (objects, pixels)]
        if None in files or any(_predicted_by(file) != ("val", str(fold)) for file in files):
            what = f"is a validation case of fold {fold} that its models did not predict"
            problems.add(case.name, what, "run the workflow again")
            continue
        of_objects, of_classes = map(open_prediction, files)
        true = np.asarray(case.semantic[window]), np.asarray(case.instance[window])
        predicted = of_objects.semantic[window], of_objects.instance[window]
        object_maps = (*map(np.asarray, predicted), of_objects.scores)
        samples.append((true, object_maps, np.asarray(of_classes.semantic[window])))
    problems.raise_if_any()
    return samples


def _best(samples: Sequence[_Sample], plan: Plan) -> dict[str, Any]:
    """Return the limits with the highest mean PQ (``parameters``), and this PQ (``score``)."""
    things = [i for i, spec in plan.classes.items() if spec.kind == "thing"]
    score_by_limits: dict[tuple, float] = {}

    def score(limits: Mapping[str, Any]) -> float:
        key = tuple(limits.values())
        if key not in score_by_limits:
            qualities = []
            for (semantic, instance), objects, pixels in samples:
                merged = panoptic_merge(objects, pixels, plan.classes, **limits)
                void = semantic == VOID
                true = np.where(void, 0, semantic), instance
                quality = panoptic_quality(true, merged[:2], things=things, void=void)
                qualities.append(quality.pq)
            score_by_limits[key] = mean_score(qualities)
        return score_by_limits[key]

    grid = {
        "threshold": THRESHOLDS,
        "min_stuff": least_stuff(plan.min_size),
    }
    limits = descend({"threshold": 0.0, "min_stuff": 0}, grid, score)
    best = score(limits)
    return {"parameters": limits, "score": None if best < 0 else best}


def _sum(values: Sequence[float | None]) -> float | None:
    """Return the sum, or None if one of the values is not known."""
    return None if None in values else sum(values)
