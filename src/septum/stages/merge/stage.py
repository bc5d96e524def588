"""Two experiments as one panoptic result: the objects of one, the classes of pixels of the other.

They are merged after both have predicted, whatever they are: the published pair is Mask R-CNN
and a dilated FCN (Kirillov et al., CVPR 2019, https://arxiv.org/abs/1801.00868, section 6). The
two limits of `septum.decoding.panoptic.panoptic_merge` are tuned on the validation cases of a fold,
which neither of the two was trained on.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from septum.classical.fitted import data_of, read_record
from septum.config.schema import Merge
from septum.data.fold_cases import find_validation_cases
from septum.data.fold_values import common_parameters
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
from septum.io.usage import COSTS, PredictionCosts, TrainingCosts, read_costs, usage, write_costs
from septum.metrics.panoptic import panoptic_quality
from septum.stages.merge.record import Merged
from septum.stages.predict.batch import files_of, one_a_fold, write_batch
from septum.stages.tune.coordinate_descent import descend, mean_score
from septum.stages.tune.subsample import central_windows

MAX_PIXELS = 2**24
"""Validation pixels that are looked at; about a minute of tuning."""
LEAST_PIXELS = 2**19
"""Of a single case at least so many, before cases are left out."""
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
        The merge's own name.
    instances, semantic : sequence of Path
        Batch folders of their predictions.
    cases : sequence of Path
        Batch folders of canonical cases.
    plan : Plan
        The dataset's.
    fold : int
    earlier : sequence of Path
        ``costs.json`` of the trainings of both on this fold: the merge's are their sum.
    out : Path
        The file, written whole or not at all; beside it ``costs.json``.
    digests : mapping
        Kept in the file, where the digest of the validation cases joins them.
    threads : int
        That libraries may use, for the record of costs.

    Raises
    ------
    SeptumError
        If a validation case, or one of its two predictions, is missing.
    """
    paths = find_validation_cases(plan, fold, cases)
    start = time.monotonic()
    found = _best(_samples(paths, case_paths(instances), case_paths(semantic), fold), plan)
    trained = [read_costs(path, TrainingCosts) for path in earlier]
    record = Merged(
        method="panoptic_merge",
        merge=merge,
        parameters=found["parameters"],
        score=found["score"],
        **data_of(plan),
        digests={**digests, "data": data_digest(paths)},
        fitted={"dataset": plan.dataset, "experiment": experiment, "fold": fold},
    )
    total = _sum([*(t.training_s for t in trained), time.monotonic() - start])
    own = usage("cpu", threads)
    for one in trained:
        own = own.after(one)
    weights = _sum([t.parameters for t in trained])
    together = TrainingCosts(**own.model_dump(), training_s=total, parameters=weights)
    write_costs(Path(out).parent / COSTS, together)
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
        ``parameters.json``, one a fold. A validation case is merged by those of its fold, all
        other cases by the medians of all.
    instances, semantic : Path
        Batch folders of predictions, of the objects and of the classes of pixels.
    earlier : sequence of Path
        What the two predictions took (`septum.io.usage.PredictionCosts`), to be added.
    out : Path
        Folder of the merged predictions (`septum.data.store.write_prediction`), whole or not at
        all.
    costs : Path, optional
        Where to write what it took in all.
    threads : int
        That libraries may use, for the record of costs.

    Raises
    ------
    SeptumError
        If a file holds no parameters, or the two predictions are not of the same cases by the
        same folds.
    """
    records = {path: read_record(path, Merged) for path in map(Path, parameters)}
    by_fold = one_a_fold((path, record.fitted.get("fold")) for path, record in records.items())
    objects, pixels = case_paths([instances]), case_paths([semantic])
    jobs = _jobs(objects, pixels, semantic)

    def predict(name: str, path: Path, fold: str) -> Prediction:
        used = [records[file] for file in files_of(fold, by_fold)]
        limits = common_parameters([record.parameters for record in used])
        one, other = read_prediction(path), read_prediction(pixels[name])
        if one.instance is None:
            what = "holds no objects to be merged with classes of pixels"
            raise problem(path, what, "name an experiment that finds objects under merge.instances")
        found = (one.semantic, one.instance, one.scores)
        merged = panoptic_merge(found, other.semantic, used[0].classes, **limits)
        attributes = {
            **one.attributes,
            "merge": used[0].merge.model_dump(),
            "parameters": limits,
            "models": [*one.attributes["models"], *other.attributes["models"]],
        }
        for of_objects_alone in ("decoder", "tile"):
            attributes.pop(of_objects_alone, None)
        return Prediction(name, merged[0], merged[1], one.geometry, merged[2], attributes)

    took = [read_costs(path, PredictionCosts) for path in earlier]
    write_batch(jobs, out, predict, costs=costs, threads=threads, earlier=took)


def _jobs(
    objects: Mapping[str, Path], pixels: Mapping[str, Path], semantic: Path
) -> list[tuple[str, Path, str, str]]:
    """Return the cases with subset and fold, in which the two predictions agree."""
    jobs, problems = [], Problems()
    remedy = "train both experiments on the same folds, and run the workflow again"
    for name, path in objects.items():
        by = _predicted_by(path)
        if name not in pixels:
            problems.add(name, f"has no prediction in {semantic}", remedy)
        elif (other := _predicted_by(pixels[name])) != by:
            what = f"is predicted by fold {by[1]} in one experiment, and by {other[1]} in the other"
            problems.add(name, what, remedy)
        jobs.append((name, path, *by))
    problems.raise_if_any()
    return sorted(jobs, key=lambda job: (job[3], job[0]))


def _predicted_by(path: Path) -> tuple[str, str]:
    attributes = open_prediction(path).attributes
    return str(attributes["subset"]), str(attributes["fold"])


_Sample = tuple[tuple[np.ndarray, np.ndarray], tuple, np.ndarray]
"""True maps; objects with their scores; classes of pixels."""


def _samples(
    paths: Sequence[Path], objects: Mapping[str, Path], pixels: Mapping[str, Path], fold: int
) -> list[_Sample]:
    """Return what is tuned on: validation cases, or the centres of large ones."""
    samples, problems = [], Problems()
    for path, window in central_windows(paths, most=MAX_PIXELS, least=LEAST_PIXELS):
        case = open_case(path)
        places = [found.get(case.name) for found in (objects, pixels)]
        if None in places or any(_predicted_by(p) != ("val", str(fold)) for p in places):
            what = f"is a validation case of fold {fold} that its models did not predict"
            problems.add(case.name, what, "run the workflow again")
            continue
        one, other = map(open_prediction, places)
        true = np.asarray(case.semantic[window]), np.asarray(case.instance[window])
        found = np.asarray(one.semantic[window]), np.asarray(one.instance[window]), one.scores
        samples.append((true, found, np.asarray(other.semantic[window])))
    problems.raise_if_any()
    return samples


def _best(samples: Sequence[_Sample], plan: Plan) -> dict[str, Any]:
    """Return the limits of the highest mean PQ, and that."""
    things = [i for i, spec in plan.classes.items() if spec.kind == "thing"]
    tried: dict[tuple, float] = {}

    def score(limits: Mapping[str, Any]) -> float:
        key = tuple(limits.values())
        if key not in tried:
            qualities = []
            for (semantic, instance), objects, pixels in samples:
                merged = panoptic_merge(objects, pixels, plan.classes, **limits)
                void = semantic == VOID
                true = np.where(void, 0, semantic), instance
                found = panoptic_quality(true, merged[:2], things=things, void=void)
                qualities.append(found.pq)
            tried[key] = mean_score(qualities)
        return tried[key]

    grid = {
        "threshold": THRESHOLDS,
        "min_stuff": least_stuff(plan.min_size),
    }
    limits = descend({"threshold": 0.0, "min_stuff": 0}, grid, score)
    best = score(limits)
    return {"parameters": limits, "score": None if best < 0 else best}


def _sum(values: Sequence[float | None]) -> float | None:
    """Return the sum; not known as soon as one of the values is not."""
    return None if None in values else sum(values)
