"""The assignment of stored cases to the models of folds that predict them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from septum.data.plan import Plan

_log = logging.getLogger(__name__)


def prediction_jobs(
    paths: Mapping[str, Path], plan: Plan, folds: Sequence[int]
) -> list[tuple[str, Path, str, str]]:
    """Assign cases to models, none to a model that was trained on it.

    Parameters
    ----------
    paths : mapping of str to Path
        Stored cases by name.
    plan : Plan
    folds : sequence of int
        Folds of the models.

    Returns
    -------
    list of (name, path, subset, fold)
        Sorted by fold, then name. A case of the subset ``val`` is predicted by its fold, a case
        of ``test`` or ``unlabelled`` by ``ensemble``, or by the only fold. Cases that all models
        were trained on are left out.
    """
    where = {name: ("val", str(k)) for k in folds for name in plan.val_cases(k)}
    alone = "ensemble" if len(folds) > 1 else str(folds[0])
    where |= dict.fromkeys(plan.test, ("test", alone))
    where |= dict.fromkeys(plan.unlabelled, ("unlabelled", alone))
    jobs = [(name, path, *where[name]) for name, path in paths.items() if name in where]
    if len(jobs) < len(paths):
        _log.info("%d training cases are not predicted", len(paths) - len(jobs))
    return sorted(jobs, key=lambda job: (job[3], job[0]))
