"""The stage that tunes a classical baseline on the validation cases of a fold."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from septum.classical.create import create_method, misfits_of_plan
from septum.classical.fitted import Fitted, data_of
from septum.config.schema import Baseline
from septum.data.fold_cases import find_validation_cases
from septum.data.plan import Plan
from septum.errors import Problems
from septum.io.atomic import write_json
from septum.io.data_digest import data_digest
from septum.io.usage import COSTS_FILE, TrainingCosts, usage, write_costs
from septum.stages.tune.baseline_parameters import tune


def fit(
    *,
    baseline: Baseline,
    plan: Plan,
    cases: Sequence[Path],
    fold: int,
    out: Path,
    digests: Mapping[str, str],
    threads: int = 1,
) -> None:
    """Tune a baseline on the validation cases of a fold, and write ``parameters.json``.

    Parameters
    ----------
    baseline : Baseline
        The method, and its parameters that are not tuned.
    plan : Plan
        Plan of the dataset.
    cases : sequence of Path
        Batch folders of canonical cases.
    fold : int
    out : Path
        The file, written atomically. ``costs.json`` is written beside it
        (`septum.io.usage.TrainingCosts`), with the time of the tuning.
    digests : mapping
        Digests to store in the file, to which that of the validation cases is added.
    threads : int
        Number of threads that libraries may use, for the record of costs.

    Raises
    ------
    SeptumError
        If the method cannot be applied to the dataset (`septum.config.baseline_fits.misfits`), if
        a validation case is missing, or if the method or its options are wrong.
    """
    Problems(misfits_of_plan(baseline, plan)).raise_if_any()
    create_method(
        baseline.method, baseline.options, where=f"experiments.{baseline.experiment}.options"
    )
    paths = find_validation_cases(plan, fold, cases)
    start = time.monotonic()
    tuned = tune(baseline.method, paths, fixed=baseline.options)
    seconds = time.monotonic() - start
    record = Fitted(
        method=baseline.method,
        parameters=tuned["parameters"],
        score=tuned["score"],
        **data_of(plan),
        digests={**digests, "data": data_digest(paths)},
        fitted={
            "dataset": plan.dataset,
            "experiment": baseline.experiment,
            "fold": fold,
            "cases": tuned["cases"],
            "pixels": tuned["pixels"],
        },
    )
    costs = TrainingCosts(**usage("cpu", threads).model_dump(), training_s=seconds)
    write_costs(Path(out).parent / COSTS_FILE, costs)
    write_json(out, record.model_dump(mode="json"))
