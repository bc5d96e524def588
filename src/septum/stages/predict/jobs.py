"""Which stored cases are predicted by the model of which fold."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from septum.data.plan import Plan

_log = logging.getLogger(__name__)


def prediction_jobs(
    paths: Mapping[str, Path], plan: Plan, folds: Sequence[int]
) -> list[tuple[str, Path, str, str]]:
    """Say which cases are predicted by what: none by a model that was trained on it.

    Parameters
    ----------
    paths : mapping of str to Path
        Stored cases by name.
    plan : Plan
    folds : sequence of int
        Of the models at hand.

    Returns
    -------
    list of (name, path, subset, fold)
        By fold, then name. Subset ``val`` by the fold it validates; ``test`` and ``unlabelled``
        by ``ensemble``, or by the only fold there is. Cases that all folds were trained on are
        left out.
    """
    where = {name: ("val", str(k)) for k in folds for name in plan.val_cases(k)}
    alone = "ensemble" if len(folds) > 1 else str(folds[0])
    where |= dict.fromkeys(plan.test, ("test", alone))
    where |= dict.fromkeys(plan.unlabelled, ("unlabelled", alone))
    jobs = [(name, path, *where[name]) for name, path in paths.items() if name in where]
    if len(jobs) < len(paths):
        _log.info("%d training cases are not predicted", len(paths) - len(jobs))
    return sorted(jobs, key=lambda job: (job[3], job[0]))
