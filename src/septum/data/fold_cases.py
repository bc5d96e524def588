"""The stored cases that a fold trains on and is validated on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from septum.data.plan import Plan
from septum.data.store import case_paths
from septum.errors import Problem, Problems, problem
from septum.io.zarr_arrays import read_attributes


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
    paths, copy_paths = case_paths(cases), case_paths(copies)
    train, validation = plan.train_cases(fold), plan.val_cases(fold)
    parents = {n: read_attributes(p, "case")["parent"] for n, p in copy_paths.items()}
    copied = [name for name, parent in parents.items() if parent in set(train)]
    maps = None if weights is None else case_paths(weights)
    of_fold = FoldCases({**copy_paths, **paths}, maps, sorted([*train, *copied]), validation)
    _require_any(train, plan, fold, "train")
    _require_any(validation, plan, fold, "validate")
    names = [*of_fold.train, *of_fold.validation]
    problems = Problems(_not_prepared(names, of_fold.paths))
    if maps is not None:
        remedy = "run weights, or set train.border_weights to false"
        without = [name for name in names if name in of_fold.paths and name not in maps]
        problems.extend(Problem(name, "has no weight map", remedy) for name in without)
    problems.raise_if_any()
    return of_fold


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
    paths, names = case_paths(cases), plan.val_cases(fold)
    _require_any(names, plan, fold, "validate")
    Problems(_not_prepared(names, paths)).raise_if_any()
    return [paths[name] for name in names]


def _require_any(names: Sequence[str], plan: Plan, fold: int, what: str) -> None:
    if not names:
        remedy = "label more cases, or lower split.test or split.folds"
        raise problem(f"{plan.dataset}, fold {fold}", f"has no case to {what} on", remedy)


def _not_prepared(names: Iterable[str], paths: Mapping[str, Path]) -> Iterator[Problem]:
    for name in names:
        if name not in paths:
            yield Problem(name, "is in the plan but not among the prepared cases", "run prepare")
