"""The report as one HTML file: no address is fetched, every picture is inside.

The same results give the same bytes: no date, no random order.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from septum import __version__
from septum.config.schema import Evaluate, Report
from septum.io.atomic import write_text
from septum.stages.leaderboard.scores import number
from septum.stages.leaderboard.stage import against_baseline, best_baseline, told_apart
from septum.stages.report.charts import ap_chart, iou_chart, loss_charts, score_bars
from septum.stages.report.classes import by_class
from septum.stages.report.colours import OBJECT_MARKS, PIXEL_MARKS, class_colours, network_style
from septum.stages.report.costs import cost_charts, cost_table, devices
from septum.stages.report.figures import stacked_bar
from septum.stages.report.gallery import Gallery, make_gallery
from septum.stages.report.inputs import Dataset, read_dataset
from septum.stages.report.tables import (
    case_cells,
    case_columns,
    data_rows,
    derived_rows,
    error_row,
    interval_text,
    leaderboard_cells,
    leaderboard_columns,
    network_row,
    number_text,
    pair_rows,
    subset_name,
)
from septum.stages.report.verdict import NAMES, cautions, verdict

log = logging.getLogger(__name__)


def write_report(*, settings: Mapping[str, Any], results: Path, seed: int, out: Path) -> None:
    """Write the report of all datasets.

    Parameters
    ----------
    settings : mapping
        ``report`` and ``evaluate``: these sections of the configuration; ``datasets``: a list
        of what `septum.stages.report.inputs.read_dataset` takes.
    results : Path
        The folder of results.
    seed : int
        Of the bootstrap of differences between networks.
    out : Path
        The HTML file.

    Raises
    ------
    SeptumError
        If a result is missing or damaged, or ``out`` cannot be written.
    """
    report, evaluate = Report(**settings["report"]), Evaluate(**settings["evaluate"])
    datasets = [read_dataset(results, spec) for spec in settings["datasets"]]
    galleries = [make_gallery(dataset, report.gallery) for dataset in datasets]
    environment = Environment(
        loader=PackageLoader("septum.stages.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template("template.html.j2").render(
        title=report.title,
        version=__version__,
        evaluate=evaluate,
        report=report,
        matrix=_matrix(datasets),
        datasets=[
            _view(i, dataset, gallery, report, seed)
            for i, (dataset, gallery) in enumerate(zip(datasets, galleries, strict=True))
        ],
        object_marks=OBJECT_MARKS,
        pixel_marks=PIXEL_MARKS,
        pictures=_weigh(galleries),
    )
    write_text(out, html)
    log.info("%s: %.1f MB, %d pictures", out, len(html.encode()) / 1e6, _weigh(galleries)[0])


def _view(
    index: int, dataset: Dataset, gallery: Gallery, report: Report, seed: int
) -> dict[str, Any]:
    """Return what the page shows of a dataset."""
    columns, leaderboard = case_columns(dataset), _leaderboard(dataset)
    return {
        "id": f"dataset-{index + 1}",
        "name": dataset.name,
        "subset": subset_name(dataset.subset),
        "verdict": verdict(dataset),
        "cautions": cautions(dataset),
        "columns": leaderboard_columns(dataset),
        "leaderboard": leaderboard,
        "baseline": next((e.name for e in dataset.experiments if e.baseline is not None), None),
        "infinite": any(cell.remark for row in leaderboard for cell in row["cells"]),
        "axis": score_bars(dataset)[0],
        "pairs": pair_rows(dataset, report.bootstrap, seed),
        "ranked_by": NAMES.get(dataset.ranked_by, dataset.ranked_by),
        "has_objects": dataset.has_objects,
        "ap_chart": ap_chart(dataset),
        "errors": _errors(dataset),
        "by_class": by_class(dataset),
        "costs": cost_table(dataset),
        "cost_charts": cost_charts(dataset),
        "measured_on": devices(dataset),
        "has_baseline": best_baseline(dataset.leaderboard) is not None,
        "experiments": dataset.experiments,
        "gallery": gallery,
        "classes": [
            (spec.name, spec.kind, class_colours(dataset.plan)[number])
            for number, spec in sorted(dataset.plan.classes.items())
        ],
        "several": len(dataset.plan.classes) > 1,
        "stuff": [spec.name for spec in dataset.plan.classes.values() if spec.kind == "stuff"],
        "case_columns": columns,
        "case_rows": [
            (experiment, row, subset_name(str(row["subset"])), case_cells(row, columns))
            for experiment in dataset.experiments
            for row in experiment.scores.cases
        ],
        "data": data_rows(dataset.plan),
        "derived": derived_rows(dataset.plan),
        "networks": [(e.name, network_row(e)) for e in dataset.experiments],
        "iou_chart": iou_chart(dataset),
        "loss_charts": loss_charts(dataset),
    }


def _leaderboard(dataset: Dataset) -> list[dict[str, Any]]:
    columns = leaderboard_columns(dataset)
    cells = [leaderboard_cells(dataset.leaderboard, column) for column in columns]
    _, bars = score_bars(dataset)
    return [
        {
            "name": experiment.name,
            "colour": network_style(place)[0],
            "cells": [column[place] for column in cells],
            "score": number_text(number(row, dataset.ranked_by)),
            "bar": bars[place],
            "behind": number_text(number(row, "behind_best")),
            "behind_interval": interval_text(row, "behind_best"),
            "apart": told_apart(row),
            "against": against_baseline(row),
        }
        for place, (experiment, row) in enumerate(
            zip(dataset.experiments, dataset.leaderboard, strict=True)
        )
    ]


def _errors(dataset: Dataset) -> list[dict[str, Any]]:
    rows = []
    for experiment, row in zip(dataset.experiments, dataset.leaderboard, strict=True):
        found = error_row(row)
        if found is not None:
            rows.append({"name": experiment.name, "bar": stacked_bar(found["parts"]), **found})
    return rows


def _matrix(datasets: Sequence[Dataset]) -> dict[str, Any]:
    """Return the leaderboard over all datasets: networks by datasets."""
    names: dict[str, None] = {}
    cells: dict[tuple[str, int], dict[str, Any]] = {}
    for index, dataset in enumerate(datasets):
        for experiment, row in zip(dataset.experiments, dataset.leaderboard, strict=True):
            names[experiment.name] = None
            value = number_text(number(row, dataset.ranked_by))
            cells[experiment.name, index] = {
                "value": value,
                "interval": interval_text(row, dataset.ranked_by),
                "best": row is dataset.leaderboard[0],
                "level": told_apart(row) is False,
            }
    columns = [
        {
            "id": f"dataset-{index + 1}",
            "name": dataset.name,
            "score": NAMES.get(dataset.ranked_by, dataset.ranked_by),
            "cases": _cases(dataset),
        }
        for index, dataset in enumerate(datasets)
    ]
    rows = [(name, [cells.get((name, i)) for i in range(len(datasets))]) for name in names]
    return {"columns": columns, "rows": rows}


def _cases(dataset: Dataset) -> str:
    count = int(number(dataset.leaderboard[0], "cases")) if dataset.leaderboard else 0
    return f"{count} {subset_name(dataset.subset)} case{'s' * (count != 1)}"


def _weigh(galleries: Sequence[Gallery]) -> tuple[int, float]:
    """Return how many pictures there are, and their size in megabytes."""
    uris = []
    for gallery in galleries:
        for card in (*gallery.scored, *gallery.new):
            uris += [card.image, card.truth, *(pane.overlay for pane in card.panes)]
    return sum(map(bool, uris)), sum(map(len, uris)) / 1e6
