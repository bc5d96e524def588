"""Test set and cross-validation folds: grouped, stratified, seeded; or as a file says.

Groups (a patient, a slide, a field of view) never straddle two parts. Cases are stratified by
the amount of what is annotated in them: each part gets its share of sparse, middling and
crowded cases. The method is that of scikit-learn's ``StratifiedGroupKFold``: groups are dealt
out one by one, the largest first, each to the part that it leaves closest to its due.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from septum.config.schema import Split
from septum.errors import Problem, Problems, SeptumError, problem
from septum.seeds import rng
from septum.workflow.split_file import GivenSplit

STRATA = 5


@dataclass(frozen=True)
class Partition:
    """Assignment of cases to the test set and the folds.

    Parameters
    ----------
    test : tuple of str
        Case names, never trained on.
    folds : tuple of tuple of str
        The validation cases of each fold.
    train : tuple of str
        Cases that every fold trains on, since they are in none.
    """

    test: tuple[str, ...]
    folds: tuple[tuple[str, ...], ...]
    train: tuple[str, ...] = ()

    def part_of(self) -> dict[str, str]:
        """Return the part of each case: ``test``, ``train`` or ``fold <k>``."""
        parts = dict.fromkeys(self.test, "test") | dict.fromkeys(self.train, "train")
        for index, fold in enumerate(self.folds):
            parts |= dict.fromkeys(fold, f"fold {index}")
        return parts


def split_cases(
    amounts: Mapping[str, float],
    groups: Mapping[str, str],
    settings: Split,
    *,
    seed: int,
    dataset: str,
) -> Partition:
    """Draw a test set and folds.

    Parameters
    ----------
    amounts : mapping of str to float
        Of each annotated case, what to stratify by: its number of objects, say.
    groups : mapping of str to str
        The group of each case.
    settings : Split
        ``test``, the share of the cases, and ``folds``.
    seed : int
        The seed of the configuration.
    dataset : str
        Its name: it takes part in the seed and in messages.

    Raises
    ------
    SeptumError
        If there are fewer groups than parts.
    """
    members: dict[str, list[str]] = {}
    for name in sorted(amounts):
        members.setdefault(groups[name], []).append(name)
    parts = settings.folds + (settings.test > 0)
    if len(members) < parts:
        raise _too_few(len(amounts), len(members), settings, dataset)
    rows = _strata(amounts)
    counts = {group: sum(rows[name] for name in names) for group, names in members.items()}
    # drawn before the sizes are looked at: which of equal groups comes first is chance
    order = [sorted(members)[i] for i in rng("split", seed, dataset).permutation(len(members))]
    order.sort(key=lambda group: -len(members[group]))
    test = _draw_test(order, counts, settings)
    rest = [group for group in order if group not in test]
    folds = _deal(rest, counts, settings.folds)
    return Partition(
        test=_names(test, members), folds=tuple(_names(fold, members) for fold in folds)
    )


def follow_file(
    given: GivenSplit,
    amounts: Mapping[str, float],
    groups: Mapping[str, str],
    settings: Split,
    *,
    seed: int,
    dataset: str,
    others: Collection[str] = (),
    together: Collection[tuple[str, str]] = (),
) -> Partition:
    """Split as a file says; where it gives no folds, draw them among its training cases.

    Parameters
    ----------
    given : GivenSplit
        What the file says.
    amounts, groups, settings, seed, dataset
        As in `split_cases`.
    others : collection of str
        Names that the file may list though they are not split: unlabelled and excluded cases.
    together : collection of (str, str)
        Pairs of cases to keep in one fold where folds are drawn here.

    Raises
    ------
    SeptumError
        With every problem: a name that is no case, a case that is not listed, a group that
        straddles two parts, nothing to train or validate on.
    """
    problems = Problems([*_strangers(given, amounts, others), *_unlisted(given, amounts)])
    problems.raise_if_any()
    test, train, *folds = (
        tuple(sorted(name for name in names if name in amounts)) for _, names in given.parts()
    )
    linked = merge_groups(groups, _column_pairs(given, amounts))
    if folds:
        partition = Partition(test, tuple(folds), train)
        empty = [part for part, names in given.parts() if part not in ("test", "train")]
        for part, names in zip(empty, folds, strict=True):
            if not names:
                problems.add(given.path, f"{part} has no case", "list some")
        if not train and len(folds) < 2:
            problems.add(given.path, "leaves no case to train on", "list some")
    else:
        drawn = settings.model_copy(update={"test": 0.0})
        joined = merge_groups(linked, [pair for pair in together if {*pair} <= {*train}])
        inner = split_cases(
            {name: amounts[name] for name in train}, joined, drawn, seed=seed, dataset=dataset
        )
        partition = Partition(test, inner.folds)
    problems.extend(_straddling(given, partition, linked))
    problems.raise_if_any()
    return partition


def merge_groups(groups: Mapping[str, str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the groups after uniting those of each pair of cases.

    A united group bears the first of its groups' names in sorting order.
    """
    parent = {group: group for group in groups.values()}

    def root(group: str) -> str:
        while parent[group] != group:
            parent[group] = parent[parent[group]]
            group = parent[group]
        return group

    for a, b in pairs:
        first, second = sorted((root(groups[a]), root(groups[b])))
        parent[second] = first
    return {name: root(group) for name, group in groups.items()}


def _strata(amounts: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Return for each case a row: 1, then which quantile of the amounts it lies in, one-hot."""
    values = np.array([amounts[name] for name in sorted(amounts)])
    count = max(1, min(STRATA, len(values) // 2))
    edges = np.quantile(values, np.arange(1, count) / count)
    strata = np.searchsorted(edges, values, side="right")
    table = np.column_stack([np.ones(len(values)), np.eye(count)[strata]])
    return dict(zip(sorted(amounts), table, strict=True))


def _draw_test(order: list[str], counts: Mapping[str, np.ndarray], settings: Split) -> set[str]:
    """Choose the groups of the test set."""
    if settings.test == 0:
        return set()
    table = np.array([counts[group] for group in order])
    due = settings.test * table.sum(axis=0)
    have = np.zeros_like(due)
    free = np.ones(len(order), dtype=bool)
    # each time the best of all groups: one stratum after the other would favour the first
    while free.sum() > settings.folds:
        fits = free & (have[0] + table[:, 0] / 2 <= due[0])
        if not fits.any():
            break
        best = int(np.argmin(np.where(fits, _strain(have + table, due), np.inf)))
        free[best] = False
        have = have + table[best]
    if free.all():  # each group is too large for the share asked for: the smallest strays least
        free[int(np.argmin(table[:, 0]))] = False
    return {group for group, is_free in zip(order, free, strict=True) if not is_free}


def _deal(order: list[str], counts: Mapping[str, np.ndarray], folds: int) -> list[set[str]]:
    """Deal groups, the largest first, each to the fold that it leaves closest to its due."""
    due = sum(counts[group] for group in order) / folds
    have = np.zeros((folds, due.size))
    dealt: list[set[str]] = [set() for _ in range(folds)]
    for group in order:
        strain = _strain(have + counts[group], due) - _strain(have, due)
        best = int(np.argmin(strain))
        dealt[best].add(group)
        have[best] += counts[group]
    return dealt


def _strain(have: np.ndarray, due: np.ndarray) -> np.ndarray:
    """Return how far parts are from their due: Σ (have − due)² / due over the strata."""
    return ((have - due) ** 2 / np.maximum(due, 1e-9)).sum(axis=-1)


def _names(groups: Iterable[str], members: Mapping[str, list[str]]) -> tuple[str, ...]:
    return tuple(sorted(name for group in groups for name in members[group]))


def _too_few(cases: int, groups: int, settings: Split, dataset: str) -> SeptumError:
    wanted = f"{settings.folds} folds" + (" and a test set" if settings.test > 0 else "")
    if groups < cases:
        what = f"{cases} annotated cases in {groups} groups are too few for {wanted}"
    else:
        what = f"{cases} annotated cases are too few for {wanted}"
    spare = groups - (settings.test > 0)
    remedy = "annotate more cases, or give the split by a file (split.file)"
    if spare >= 2:
        remedy = f"set split.folds to {spare} or fewer, or {remedy}"
    return problem(f"datasets.{dataset}.split.folds", what, remedy)


def _strangers(
    given: GivenSplit, amounts: Mapping[str, float], others: Collection[str]
) -> Iterator[Problem]:
    listed = [name for _, names in given.parts() for name in names]
    if not any(name in amounts for name in listed):
        what = "lists no case of this dataset"
        remedy = f"use the case names, such as {min(amounts, default='…')!r}"
        yield Problem(given.path, what, remedy)
    elif given.whole:
        for name in listed:
            if name not in amounts and name not in others:
                what = f"lists {name!r}, which is no case of this dataset"
                yield Problem(given.path, what, "mend the name, or take it out")


def _unlisted(given: GivenSplit, amounts: Mapping[str, float]) -> Iterator[Problem]:
    listed = {name for _, names in given.parts() for name in names}
    missing = [name for name in sorted(amounts) if name not in listed]
    if missing and any(name in amounts for name in listed):
        shown = ", ".join(repr(name) for name in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        remedy = "add it, or leave the case out by datasets.….exclude"
        yield Problem(given.path, f"does not list {shown}{more}", remedy)


def _column_pairs(given: GivenSplit, amounts: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """Yield pairs of cases that the file's own ``group`` column puts together."""
    first: dict[str, str] = {}
    for name, group in given.groups.items():
        if name in amounts:
            yield first.setdefault(group, name), name


def _straddling(
    given: GivenSplit, partition: Partition, groups: Mapping[str, str]
) -> Iterator[Problem]:
    """Yield a problem for each group that lies in two parts."""
    sizes = Counter(groups.values())
    places: dict[str, dict[str, str]] = {}
    for name, part in sorted(partition.part_of().items()):
        if sizes[groups[name]] > 1:
            places.setdefault(groups[name], {}).setdefault(part, name)
    for group, found in places.items():
        if len(found) > 1:
            shown = ", ".join(f"{name!r} in {part}" for part, name in found.items())
            what = f"the group {group!r} straddles parts: {shown}"
            yield Problem(given.path, what, "keep a group in one part, or drop `group:`")
