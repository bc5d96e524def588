"""The leaderboard of a dataset: its experiments, best first, with intervals of their scores.

Means are over test cases, or over validation cases if there is no test set (see ``subset``).
``pq_pooled`` sums the objects of all cases before ratios are taken, and so do COCO's average
precisions (``coco_ap``, ``coco_ap50``, ``coco_ap75``, ``coco_box_ap``). Each score has a 95 %
percentile-bootstrap interval over cases (``_low``, ``_high``) and the number of cases where it
is undefined and ignored (``_undefined``); distances also have the number of cases where they
are infinite (``_infinite``). ``behind_best`` is the ranking score of the first row minus that of
an experiment, on the cases that both were scored on and over the same resamples; an interval
above 0 is a difference that the choice of cases does not explain. ``kind`` distinguishes
networks from classical baselines; ``over_baseline`` is the ranking score of a network minus
that of the best baseline, computed in the same way. The last columns are the costs of an
experiment (`septum.stages.leaderboard.costs`), empty if they were not measured.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from septum.config.schema import Report
from septum.io.atomic import write_text
from septum.io.tables import csv_text
from septum.metrics.bootstrap import Estimate, estimate, resample
from septum.metrics.coco import coco_precision
from septum.stages.leaderboard.costs import NO_COSTS, costs_of_experiments
from septum.stages.leaderboard.scores import (
    COUNT_COLUMNS,
    DISTANCE_SCORES,
    NAN,
    POOLED_SCORES,
    Row,
    Scores,
    number,
    read_scores,
)

MIN_PAIRED_CASES = 6
"""With fewer paired cases a sign test cannot reach 5 %: if all favour one side, 2 · ½⁵ = 6 %."""

PQ_BY_KIND = ("pq_things_pooled", "pq_stuff_pooled")


def write_leaderboard(
    *,
    dataset: str,
    scores: Sequence[Path],
    settings: Report,
    seed: int,
    out: Path,
    baselines: Sequence[str] = (),
    costs: Sequence[Path] = (),
) -> None:
    """Rank the experiments of a dataset by pooled PQ (by Dice if there are no objects).

    Parameters
    ----------
    dataset : str
        Name of the dataset.
    scores : sequence of Path
        ``cases.csv`` and ``classes.csv`` of every experiment, in one folder each, and
        optionally ``objects.npz`` there, which COCO's columns are computed from.
    settings : Report
        ``bootstrap`` is the number of resamples.
    seed : int
        Seed of the resamples.
    out : Path
        CSV file to write.
    baselines : sequence of str
        Names of the folders of experiments that are classical baselines.
    costs : sequence of Path
        ``fold<k>/costs.json`` and ``costs/<batch>.json`` of experiments that have them.

    Raises
    ------
    SeptumError
        If a file is missing, or is no table of scores or record of costs.
    """
    folders = sorted({path.parent for path in scores})
    all_subsets = [_read(folder, set(scores)) for folder in folders]
    experiments = [scored.of(scored.subset) for scored in all_subsets]
    rows = rank(experiments, dataset, settings.bootstrap, seed, baselines)
    measured = costs_of_experiments(costs)
    rows = [row | measured.get(str(row["experiment"]), NO_COSTS) for row in rows]
    write_text(out, _csv(rows))


def rank(
    experiments: Sequence[Scores],
    dataset: str,
    bootstrap: int,
    seed: int,
    baselines: Sequence[str] = (),
) -> list[Row]:
    """Return the rows of the leaderboard, best first.

    Parameters
    ----------
    experiments : sequence of Scores
        Scores of the experiments, each of one subset.
    baselines : sequence of str
        Names of the experiments that are classical baselines.
    """
    ranked_by = ranking_score(experiments)
    rows = {
        scored.experiment: _row(scored, dataset, ranked_by, bootstrap, seed)
        for scored in experiments
    }

    def place(scored: Scores) -> tuple[float, str]:
        value = number(rows[scored.experiment], ranked_by)
        return (math.inf if math.isnan(value) else -value, scored.experiment)

    def compared(name: str, first: Scores, second: Scores) -> Row:
        estimated = difference(first, second, ranked_by, bootstrap, (seed, dataset))
        common = set(first.names) & set(second.names)
        return {**_fields(name, estimated), f"{name}_cases": float(len(common))}

    ordered = sorted(experiments, key=place)
    for scored in ordered:
        if scored is ordered[0]:
            unknown = _fields("behind_best", Estimate(NAN, NAN, NAN))
            rows[scored.experiment] |= {**unknown, "behind_best_cases": 0.0}
        else:
            rows[scored.experiment] |= compared("behind_best", ordered[0], scored)
    baseline = next((scored for scored in ordered if scored.experiment in baselines), None)
    for scored in ordered:
        network = scored.experiment not in baselines
        rows[scored.experiment]["kind"] = "network" if network else "classical"
        if network and baseline is not None:
            rows[scored.experiment] |= compared("over_baseline", scored, baseline)
    return [rows[scored.experiment] for scored in ordered]


def ranking_score(experiments: Sequence[Scores]) -> str:
    """Return the column to rank by: pooled PQ if there are objects, else Dice."""
    return "pq_pooled" if any(scored.has_objects for scored in experiments) else "dice"


def difference(
    first: Scores, second: Scores, score: str, bootstrap: int, seed: tuple[object, ...]
) -> Estimate:
    """Return ``first`` minus ``second`` on their common cases, over the same resamples.

    Parameters
    ----------
    score : str
        Column of the leaderboard.
    bootstrap : int
        Number of resamples.
    seed : tuple
        Parts of the seed of the resamples.
    """
    common = sorted(set(first.names) & set(second.names))
    if not common or first.subset != second.subset:
        return Estimate(NAN, NAN, NAN)
    pair = [scored.of(scored.subset, common) for scored in (first, second)]
    weights = _with_all(resample(bootstrap, common, *seed))
    a, b = (_statistic(scored, score, weights) for scored in pair)
    return estimate(a[0] - b[0], a[1:] - b[1:], len(common))


def has_scores(row: Row) -> bool:
    """Return whether an experiment's objects have scores, by which COCO's precision ranks them.

    Classical baselines have none: their objects would all rank equally, and the precision would
    depend on the order of the cases.
    """
    return row.get("kind") != "classical" and math.isfinite(number(row, "coco_ap"))


def says_something(rows: Sequence[Row], column: str) -> bool:
    """Return whether a column of scores is worth showing beside the others.

    PQ of things and of stuff is if there are both, COCO's average precision if objects have
    scores, and any other column if it holds a number.
    """
    if column in PQ_BY_KIND:
        return all(any(math.isfinite(number(row, kind)) for row in rows) for kind in PQ_BY_KIND)
    if column.startswith("coco_"):
        return any(map(has_scores, rows))
    return any(math.isfinite(number(row, column)) for row in rows)


def told_apart(row: Row) -> bool | None:
    """Return whether an experiment is behind the best by more than the choice of cases explains.

    None for the best experiment itself, and if there are fewer cases than `MIN_PAIRED_CASES`.
    """
    low, high = number(row, "behind_best_low"), number(row, "behind_best_high")
    if math.isnan(low + high) or number(row, "behind_best_cases") < MIN_PAIRED_CASES:
        return None
    return bool(low > 0 or high < 0)


def best_baseline(rows: Sequence[Row]) -> Row | None:
    """Return the row of the best classical baseline."""
    return next((row for row in rows if row.get("kind") == "classical"), None)


def beats_baseline(row: Row) -> bool | None:
    """Return whether a network beats the best baseline by more than the choice of cases explains.

    False if its score is no better; None if it is better by less than that, or if there is
    nothing to compare.
    """
    over = number(row, "over_baseline")
    if over <= 0:
        return False
    enough = number(row, "over_baseline_cases") >= MIN_PAIRED_CASES
    return True if enough and number(row, "over_baseline_low") > 0 else None


def against_baseline(row: Row) -> str:
    """Return in words how a network compares with the best baseline; empty for baselines."""
    if math.isnan(number(row, "over_baseline")):
        return ""
    return {True: "better", False: "no better", None: "not told apart"}[beats_baseline(row)]


def _row(scored: Scores, dataset: str, ranked_by: str, bootstrap: int, seed: int) -> Row:
    row: Row = {
        "dataset": dataset,
        "experiment": scored.experiment,
        "subset": scored.subset,
        "cases": float(len(scored.cases)),
        "ranked_by": ranked_by,
    }
    if not scored.cases:
        return row
    weights = _with_all(resample(bootstrap, scored.names, seed, dataset))
    pooled = scored.pooled(weights)
    for i, name in enumerate(POOLED_SCORES):
        row |= _fields(name, estimate(pooled[0, i], pooled[1:, i], len(scored.cases)))
    for name, values in _coco(scored, weights).items():
        row |= _fields(name, estimate(values[0], values[1:], len(scored.cases)))
    metrics = scored.metrics
    of_cases = scored.case_means(metrics, weights)
    for i, name in enumerate(metrics):
        values = scored.column(name)
        finite = int(np.isfinite(values).sum())
        row |= _fields(name, estimate(of_cases[0, i], of_cases[1:, i], finite))
        row[f"{name}_undefined"] = float(np.isnan(values).sum())
        if name in DISTANCE_SCORES:
            row[f"{name}_infinite"] = float(np.isinf(values).sum())
    if scored.has_objects:
        row |= {name: float(np.nansum(scored.column(name))) for name in COUNT_COLUMNS}
    return row


def _read(folder: Path, scores: Collection[Path]) -> Scores:
    objects = folder / "objects.npz"
    tables = folder / "cases.csv", folder / "classes.csv"
    return read_scores(*tables, objects if objects in scores else None)


def _coco(scored: Scores, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return COCO's average precisions of pooled cases, each (b,); empty without objects."""
    if scored.objects is None or not scored.has_objects:
        return {}
    masks = coco_precision(scored.objects, weights=weights)
    boxes = coco_precision(scored.objects, "box", weights=weights)
    return {
        "coco_ap": masks.ap,
        "coco_ap50": masks.at(0.50),
        "coco_ap75": masks.at(0.75),
        "coco_box_ap": boxes.ap,
    }


def _statistic(scored: Scores, score: str, weights: np.ndarray) -> np.ndarray:
    if score in POOLED_SCORES:
        return scored.pooled(weights)[:, POOLED_SCORES.index(score)]
    return scored.case_means([score], weights)[:, 0]


def _with_all(weights: np.ndarray) -> np.ndarray:
    """Prepend the weights of the original sample, every case once, to those of the resamples."""
    return np.concatenate([np.ones((1, weights.shape[1])), weights])


def _fields(name: str, estimated: Estimate) -> Row:
    return {name: estimated.value, f"{name}_low": estimated.low, f"{name}_high": estimated.high}


def _csv(rows: Sequence[Row]) -> str:
    start = ["dataset", "experiment", "kind", "subset", "cases", "ranked_by"]
    start += [f"behind_best{end}" for end in ("", "_low", "_high", "_cases")]
    start += [f"over_baseline{end}" for end in ("", "_low", "_high", "_cases")]
    columns = list(dict.fromkeys([*start, *(name for row in rows for name in row)]))
    return csv_text(columns, rows)
