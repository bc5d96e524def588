"""Leaderboards as text, for ``septum leaderboard`` in a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from septum.config.config import Config
from septum.config.runs import runs
from septum.data.case_files import safe_name
from septum.errors import Problems, problem
from septum.stages.leaderboard.cost_text import UNKNOWN_TEXT, cost_texts
from septum.stages.leaderboard.scores import Row, number, read_rows
from septum.stages.leaderboard.stage import (
    against_baseline,
    best_baseline,
    has_scores,
    says_something,
    told_apart,
)
from septum.workflow.paths import Paths

SHOWN_SCORES = (
    *("pq_pooled", "pq_things_pooled", "pq_stuff_pooled"),
    *("ap50", "ap75", "ap90", "coco_ap", "iou", "dice"),
)
SCORE_TITLES = {
    "pq_pooled": "PQ pooled",
    "pq_things_pooled": "PQ things",
    "pq_stuff_pooled": "PQ stuff",
    "coco_ap": "COCO AP",
    "iou": "IoU",
    "dice": "Dice",
}


def print_leaderboards(config: Config, results: Path) -> None:
    """Print the leaderboard of every dataset that is scored, and the path of the report.

    Parameters
    ----------
    config : Config
        Names the datasets; other folders in ``results`` belong to an earlier configuration.
    results : Path
        Folder of results.

    Raises
    ------
    SeptumError
        With every dataset that has no leaderboard yet, after the others are printed; if one is
        damaged; if no dataset is scored at all.
    """
    datasets = list(dict.fromkeys(dataset for dataset, _ in runs(config)))
    if not datasets:
        what = "are on no dataset with labels, so nothing is scored"
        raise problem("experiments", what, "name the configuration files that the run was given")
    # the table has the names of folders, which may differ from those of experiments
    names = {safe_name(name): name for name in config.experiments}
    problems, paths = Problems(), Paths(str(results))
    for dataset in datasets:
        file = Path(paths.leaderboard(safe_name(dataset)))
        if not file.is_file():
            remedy = "run `snakemake --cores all` with the same configuration first"
            problems.add(file, f"{dataset} has no leaderboard yet", remedy)
            continue
        rows = read_rows(file, {"dataset", "experiment"})
        rows = [
            {**row, "experiment": names.get(row["experiment"], row["experiment"])} for row in rows
        ]
        print("\n".join(table_lines(rows)), end="\n\n")
    problems.raise_if_any()
    report = Path(paths.report())
    if report.is_file():
        print(f"Report: {report.resolve()}")


def table_lines(rows: Sequence[Row]) -> list[str]:
    """Return a dataset's leaderboard as lines of text."""
    if not rows:
        return ["no experiment was scored"]
    first = rows[0]
    shown = [name for name in SHOWN_SCORES if says_something(rows, name)]
    if first["ranked_by"] != "pq_pooled":
        # with one segment a class, PQ is no more than the IoU
        shown = [name for name in shown if name != "pq_pooled"]
    header = ["", *(SCORE_TITLES.get(name, name.upper()) for name in shown), "behind the best"]
    body = [[_name(row), *(_interval(row, name) for name in shown), _behind(row)] for row in rows]
    floor = best_baseline(rows)
    if floor is not None and any(map(against_baseline, rows)):
        header.append(f"against {floor['experiment']}")
        for line, row in zip(body, rows, strict=True):
            line.append(against_baseline(row))
    cases = number(first, "cases")
    what = f"{cases:.0f} {_subset(str(first['subset']))} case{'s' * (cases != 1)}"
    lines = [f"{first['dataset']}: {what}, mean and 95 % interval"]
    return [*lines, *_aligned([header, *body]), *_cost_lines(rows)]


def _cost_lines(rows: Sequence[Row]) -> list[str]:
    """Return a separate table of the experiments' costs, which would make its lines too long."""
    costs = [list(cost_texts(row).values()) for row in rows]
    if all(text == UNKNOWN_TEXT for texts in costs for text in texts):
        return []
    header = ["costs", "parameters", "training", "memory", "inference", "trained on"]
    body = [
        [str(row["experiment"]), *texts, str(row.get("device") or UNKNOWN_TEXT)]
        for row, texts in zip(rows, costs, strict=True)
    ]
    return _aligned([header, *body])


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    cells = ([t.ljust(w) for t, w in zip(line, widths, strict=True)] for line in table)
    return [("  " + "  ".join(line)).rstrip() for line in cells]


def _interval(row: Row, name: str) -> str:
    if name.startswith("coco_") and not has_scores(row):
        return "–"
    value, low, high = (number(row, name + end) for end in ("", "_low", "_high"))
    if math.isnan(value):
        return "–"
    return f"{value:.3f}" if math.isnan(low) else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _behind(row: Row) -> str:
    if math.isnan(number(row, "behind_best")):
        return ""
    remarks = {True: "", False: "  not told apart", None: "  too few cases to tell"}
    return _interval(row, "behind_best") + remarks[told_apart(row)]


def _name(row: Row) -> str:
    return f"{row['experiment']}{' (classical)' * (row.get('kind') == 'classical')}"


def _subset(name: str) -> str:
    return {"test": "test", "val": "validation"}.get(name, "scored")
