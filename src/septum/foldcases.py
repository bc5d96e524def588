"""Which stored cases a fold trains on, is validated on, and predicts."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from septum import store
from septum.errors import Problem, SeptumError, fail
from septum.plan import Plan

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoldCases:
    """The stored cases of one fold, all of them there.

    Parameters
    ----------
    paths : dict of str to Path
        Canonical cases and elastic copies, by name.
    weights : dict of str to Path, or None
        Weight maps, by the name of their case; None where training goes without.
    train, validation : list of str
        Names, sorted; the copies among them are only trained on.
    """

    paths: dict[str, Path]
    weights: dict[str, Path] | None
    train: list[str]
    validation: list[str]

    def files(self) -> list[Path]:
        """Return every case and weight map that is read, in the order of the names."""
        names = [*self.train, *self.validation]
        return [paths[n] for paths in (self.paths, self.weights or {}) for n in names if n in paths]


def find_fold_cases(
    plan: Plan,
    fold: int,
    *,
    cases: Sequence[Path],
    copies: Sequence[Path],
    weights: Sequence[Path] | None,
) -> FoldCases:
    """Find the cases of a fold among the batch folders.

    Parameters
    ----------
    plan : Plan
    fold : int
    cases, copies, weights : sequence of Path
        Batch folders; weights None trains without weight maps.

    Raises
    ------
    SeptumError
        Naming every case that is missing or has no weight map, or saying that nothing is left
        to train or to validate on.
    """
    paths, copy_paths = store.case_paths(cases), store.case_paths(copies)
    train, validation = plan.train_cases(fold), plan.val_cases(fold)
    parents = {n: store.read_attributes(p, "case")["parent"] for n, p in copy_paths.items()}
    copied = [name for name, parent in parents.items() if parent in set(train)]
    maps = None if weights is None else store.case_paths(weights)
    found = FoldCases({**copy_paths, **paths}, maps, sorted([*train, *copied]), validation)
    for names, what in ((train, "train"), (validation, "validate")):
        if not names:
            remedy = "label more cases, or lower split.test or split.folds"
            raise fail(f"{plan.dataset}, fold {fold}", f"has no case to {what} on", remedy)
    if problems := list(_missing(found)):
        raise SeptumError(problems)
    return found


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


def _missing(found: FoldCases) -> Iterable[Problem]:
    for name in [*found.train, *found.validation]:
        if name not in found.paths:
            yield Problem(name, "is in the plan but not among the prepared cases", "run prepare")
        elif found.weights is not None and name not in found.weights:
            remedy = "run weights, or set train.border_weights to false"
            yield Problem(name, "has no weight map", remedy)
