"""Test set and cross-validation folds: grouped, stratified and seeded, or read from a file.

All cases of a group (a patient, a slide, a field of view) lie in one part. Cases are stratified
by the amount of their annotation, so that each part gets its share of sparse and of crowded
cases. The method is that of scikit-learn's ``StratifiedGroupKFold``: groups are assigned one by
one, the largest first, each to the part that comes closest to its target by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from septum.config.schema import Split
from septum.errors import Problem, Problems, SeptumError, problem
from septum.seeds import rng
from septum.workflow.split_file import PredefinedSplit

MAX_STRATA = 5


@dataclass(frozen=True)
class Partition:
    """Assignment of cases to the test set and the folds.

    Parameters
    ----------
    test : tuple of str
        Names of the test cases, which are never trained on.
    folds : tuple of tuple of str
        Names of the validation cases of each fold.
    train : tuple of str
        Names of cases that belong to no fold, so that every fold trains on them.
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
        The value of each annotated case to stratify by, such as its number of objects.
    groups : mapping of str to str
        The group of each case.
    settings : Split
        ``test``, the share of the cases, and ``folds``.
    seed : int
        The seed of the configuration.
    dataset : str
        Name of the dataset, for the seed and for messages.

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
    # shuffled before they are sorted by size, so that groups of equal size are in random order
    order = [sorted(members)[i] for i in rng("split", seed, dataset).permutation(len(members))]
    order.sort(key=lambda group: -len(members[group]))
    test = _draw_test(order, counts, settings)
    remaining = [group for group in order if group not in test]
    folds = _deal(remaining, counts, settings.folds)
    return Partition(
        test=_names(test, members), folds=tuple(_names(fold, members) for fold in folds)
    )


def follow_file(
    predefined: PredefinedSplit,
    amounts: Mapping[str, float],
    groups: Mapping[str, str],
    settings: Split,
    *,
    seed: int,
    dataset: str,
    unsplit: Collection[str] = (),
    together: Collection[tuple[str, str]] = (),
) -> Partition:
    """Split as a file says; if it gives no folds, draw them among its training cases.

    Parameters
    ----------
    predefined : PredefinedSplit
        The contents of the file.
    amounts, groups, settings, seed, dataset
        As in `split_cases`.
    unsplit : collection of str
        Names that the file may list though they are not split: unlabelled and excluded cases.
    together : collection of (str, str)
        Pairs of cases to keep in one fold if folds are drawn.

    Raises
    ------
    SeptumError
        With every problem: names that are no cases, cases that are not listed, groups in more
        than one part, no cases to train or validate on.
    """
    problems = Problems(
        [*_strangers(predefined, amounts, unsplit), *_unlisted(predefined, amounts)]
    )
    problems.raise_if_any()
    test, train, *folds = (
        tuple(sorted(name for name in names if name in amounts)) for _, names in predefined.parts()
    )
    linked = merge_groups(groups, _column_pairs(predefined, amounts))
    if folds:
        partition = Partition(test, tuple(folds), train)
        empty = [part for part, names in predefined.parts() if part not in ("test", "train")]
        for part, names in zip(empty, folds, strict=True):
            if not names:
                problems.add(predefined.path, f"{part} has no case", "list some")
        if not train and len(folds) < 2:
            problems.add(predefined.path, "leaves no case to train on", "list some")
    else:
        drawn = settings.model_copy(update={"test": 0.0})
        joined = merge_groups(linked, [pair for pair in together if {*pair} <= {*train}])
        inner = split_cases(
            {name: amounts[name] for name in train}, joined, drawn, seed=seed, dataset=dataset
        )
        partition = Partition(test, inner.folds)
    problems.extend(_straddling(predefined, partition, linked))
    problems.raise_if_any()
    return partition


def merge_groups(groups: Mapping[str, str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the groups of all cases after merging those of each pair of cases.

    A merged group has the name that comes first in sorting order.
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
    """Return a row for each case: 1, then its quantile of the amounts, one-hot encoded."""
    values = np.array([amounts[name] for name in sorted(amounts)])
    count = max(1, min(MAX_STRATA, len(values) // 2))
    edges = np.quantile(values, np.arange(1, count) / count)
    strata = np.searchsorted(edges, values, side="right")
    table = np.column_stack([np.ones(len(values)), np.eye(count)[strata]])
    return dict(zip(sorted(amounts), table, strict=True))


def _draw_test(order: list[str], counts: Mapping[str, np.ndarray], settings: Split) -> set[str]:
    """Choose the groups of the test set."""
    if settings.test == 0:
        return set()
    table = np.array([counts[group] for group in order])
    target = settings.test * table.sum(axis=0)
    current = np.zeros_like(target)
    free = np.ones(len(order), dtype=bool)
    # the best of all groups each time, since filling strata in turn would favour the first
    while free.sum() > settings.folds:
        fits = free & (current[0] + table[:, 0] / 2 <= target[0])
        if not fits.any():
            break
        best = int(np.argmin(np.where(fits, _strain(current + table, target), np.inf)))
        free[best] = False
        current = current + table[best]
    if free.all():  # every group is larger than the test set asked for: take the smallest
        free[int(np.argmin(table[:, 0]))] = False
    return {group for group, is_free in zip(order, free, strict=True) if not is_free}


def _deal(order: list[str], counts: Mapping[str, np.ndarray], folds: int) -> list[set[str]]:
    """Assign groups, the largest first, each to the fold that comes closest to its target."""
    target = sum(counts[group] for group in order) / folds
    current = np.zeros((folds, target.size))
    dealt: list[set[str]] = [set() for _ in range(folds)]
    for group in order:
        strain = _strain(current + counts[group], target) - _strain(current, target)
        best = int(np.argmin(strain))
        dealt[best].add(group)
        current[best] += counts[group]
    return dealt


def _strain(current: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the deviation of parts from their target: Σ (current − target)² / target."""
    return ((current - target) ** 2 / np.maximum(target, 1e-9)).sum(axis=-1)


def _names(groups: Iterable[str], members: Mapping[str, list[str]]) -> tuple[str, ...]:
    return tuple(sorted(name for group in groups for name in members[group]))


def _too_few(cases: int, groups: int, settings: Split, dataset: str) -> SeptumError:
    parts = f"{settings.folds} folds" + (" and a test set" if settings.test > 0 else "")
    if groups < cases:
        what = f"{cases} annotated cases in {groups} groups are too few for {parts}"
    else:
        what = f"{cases} annotated cases are too few for {parts}"
    max_folds = groups - (settings.test > 0)
    remedy = "annotate more cases, or give the split by a file (split.file)"
    if max_folds >= 2:
        remedy = f"set split.folds to {max_folds} or fewer, or {remedy}"
    return problem(f"datasets.{dataset}.split.folds", what, remedy)


def _strangers(
    predefined: PredefinedSplit, amounts: Mapping[str, float], unsplit: Collection[str]
) -> Iterator[Problem]:
    listed = [name for _, names in predefined.parts() for name in names]
    if not any(name in amounts for name in listed):
        what = "lists no case of this dataset"
        remedy = f"use the case names, such as {min(amounts, default='…')!r}"
        yield Problem(predefined.path, what, remedy)
    elif predefined.is_for_one_dataset:
        for name in listed:
            if name not in amounts and name not in unsplit:
                what = f"lists {name!r}, which is no case of this dataset"
                yield Problem(predefined.path, what, "mend the name, or take it out")


def _unlisted(predefined: PredefinedSplit, amounts: Mapping[str, float]) -> Iterator[Problem]:
    listed = {name for _, names in predefined.parts() for name in names}
    missing = [name for name in sorted(amounts) if name not in listed]
    if missing and any(name in amounts for name in listed):
        shown = ", ".join(repr(name) for name in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        remedy = "add it, or leave the case out by datasets.….exclude"
        yield Problem(predefined.path, f"does not list {shown}{more}", remedy)


def _column_pairs(
    predefined: PredefinedSplit, amounts: Mapping[str, float]
) -> Iterator[tuple[str, str]]:
    """Yield pairs of cases that share a value of the file's ``group`` column."""
    first: dict[str, str] = {}
    for name, group in predefined.groups.items():
        if name in amounts:
            yield first.setdefault(group, name), name


def _straddling(
    predefined: PredefinedSplit, partition: Partition, groups: Mapping[str, str]
) -> Iterator[Problem]:
    """Yield a problem for each group that lies in more than one part."""
    sizes = Counter(groups.values())
    places: dict[str, dict[str, str]] = {}
    for name, part in sorted(partition.part_of().items()):
        if sizes[groups[name]] > 1:
            places.setdefault(groups[name], {}).setdefault(part, name)
    for group, name_by_part in places.items():
        if len(name_by_part) > 1:
            shown = ", ".join(f"{name!r} in {part}" for part, name in name_by_part.items())
            what = f"the group {group!r} straddles parts: {shown}"
            yield Problem(predefined.path, what, "keep a group in one part, or drop `group:`")
