"""Which stored cases a fold trains on, is validated on, and predicts."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from septum.data import store
from septum.data.plan import Plan
from septum.errors import Problem, SeptumError, problem
from septum.io.zarr_arrays import read_attributes

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
    parents = {n: read_attributes(p, "case")["parent"] for n, p in copy_paths.items()}
    copied = [name for name, parent in parents.items() if parent in set(train)]
    maps = None if weights is None else store.case_paths(weights)
    found = FoldCases({**copy_paths, **paths}, maps, sorted([*train, *copied]), validation)
    _require_any(train, plan, fold, "train")
    _require_any(validation, plan, fold, "validate")
    names = [*found.train, *found.validation]
    problems = list(_not_prepared(names, found.paths))
    if maps is not None:
        remedy = "run weights, or set train.border_weights to false"
        without = [name for name in names if name in found.paths and name not in maps]
        problems += [Problem(name, "has no weight map", remedy) for name in without]
    if problems:
        raise SeptumError(problems)
    return found


def find_validation_cases(plan: Plan, fold: int, cases: Sequence[Path]) -> list[Path]:
    """Return the validation cases of a fold, sorted by name.

    Parameters
    ----------
    plan : Plan
    fold : int
    cases : sequence of Path
        Batch folders.

    Raises
    ------
    SeptumError
        Naming every case that is missing, or saying that there is none.
    """
    paths, names = store.case_paths(cases), plan.val_cases(fold)
    _require_any(names, plan, fold, "validate")
    if problems := list(_not_prepared(names, paths)):
        raise SeptumError(problems)
    return [paths[name] for name in names]


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


def _require_any(names: Sequence[str], plan: Plan, fold: int, what: str) -> None:
    if not names:
        remedy = "label more cases, or lower split.test or split.folds"
        raise problem(f"{plan.dataset}, fold {fold}", f"has no case to {what} on", remedy)


def _not_prepared(names: Iterable[str], paths: Mapping[str, Path]) -> Iterator[Problem]:
    for name in names:
        if name not in paths:
            yield Problem(name, "is in the plan but not among the prepared cases", "run prepare")
