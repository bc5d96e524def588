"""The content of the page as typed records, which the template lays out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from septum.config.schema import Report
from septum.stages.leaderboard.scores import Row, number
from septum.stages.leaderboard.stage import against_baseline, best_baseline, told_apart
from septum.stages.report.charts import ap_chart, iou_chart, loss_charts, score_bars
from septum.stages.report.classes import ByClass, by_class
from septum.stages.report.colours import class_colours, network_style
from septum.stages.report.costs import CostChart, cost_charts, cost_table, devices
from septum.stages.report.decoders import TunedRow, tuned_rows
from septum.stages.report.description import data_rows, network_row
from septum.stages.report.figures import stacked_bar
from septum.stages.report.gallery import Gallery
from septum.stages.report.inputs import Dataset, Experiment
from septum.stages.report.settings import SettingRows, setting_rows
from septum.stages.report.tables import (
    Cell,
    Column,
    ErrorCounts,
    case_cells,
    case_columns,
    error_counts,
    leaderboard_cells,
    leaderboard_columns,
    pair_rows,
)
from septum.stages.report.text import interval_text, number_text, subset_name
from septum.stages.report.verdict import SCORE_NAMES, cautions, verdict


@dataclass(frozen=True)
class LeaderboardRow:
    """The row of an experiment in the leaderboard.

    Parameters
    ----------
    name, colour : str
    cells : list of Cell
        A cell for each column.
    score : str
        The score that determines the rank.
    bar : Markup
        Figure of the score and its interval.
    behind, behind_interval : str
        Difference of the score from the best one, and its interval.
    apart : bool or None
        Whether the difference from the best experiment is significant; None if there are too few
        cases.
    against : str
        Comparison with the best baseline; empty if there is none.
    """

    name: str
    colour: str
    cells: list[Cell]
    score: str
    bar: Markup
    behind: str
    behind_interval: str
    apart: bool | None
    against: str


@dataclass(frozen=True)
class ErrorRow:
    """The errors of an experiment at the true objects, and a figure of them."""

    name: str
    bar: Markup
    counts: ErrorCounts


@dataclass(frozen=True)
class CaseRow:
    """The scores of an experiment for a case."""

    experiment: Experiment
    case: str
    subset: str
    fold: str
    cells: list[Cell]


@dataclass(frozen=True)
class ClassKey:
    """A class and its colour, for the legend."""

    name: str
    colour: str


@dataclass(frozen=True)
class DatasetPart:
    """The part of the page about a dataset, as texts and the following values.

    Parameters
    ----------
    infinite : bool
        Whether a distance in the leaderboard is infinite for some case.
    several : bool
        Whether there are several classes.
    stuff : list of str
        Names of the stuff classes.
    baseline : str or None
        The name of the first baseline.
    has_baseline : bool
        Whether a baseline is scored.
    several_folds : bool
        Whether the folds of an experiment predict together.
    """

    id: str
    name: str
    subset: str
    verdict: list[str]
    cautions: list[str]
    columns: list[Column]
    leaderboard: list[LeaderboardRow]
    baseline: str | None
    has_baseline: bool
    infinite: bool
    axis: Markup
    pairs: list[tuple[str, list[Cell]]]
    ranked_by: str
    has_objects: bool
    ap_chart: Markup | None
    errors: list[ErrorRow]
    by_class: ByClass | None
    costs: list[list[str]]
    cost_charts: list[CostChart]
    measured_on: str
    experiments: list[Experiment]
    gallery: Gallery
    classes: list[ClassKey]
    several: bool
    stuff: list[str]
    case_columns: list[Column]
    case_rows: list[CaseRow]
    data: list[tuple[str, str]]
    settings: list[SettingRows]
    tuned: list[TunedRow]
    several_folds: bool
    networks: list[tuple[str, list[str]]]
    iou_chart: Markup | None
    loss_charts: list[tuple[str, Markup]]


@dataclass(frozen=True)
class MatrixColumn:
    """A dataset in the table of networks by datasets."""

    id: str
    name: str
    score: str
    cases: str


@dataclass(frozen=True)
class MatrixCell:
    """The score of a network on a dataset; ``level`` if it does not differ from the best."""

    value: str
    interval: str
    best: bool
    level: bool


@dataclass(frozen=True)
class Matrix:
    """The leaderboard of all datasets, a row for each network; None for missing scores."""

    columns: list[MatrixColumn]
    rows: list[tuple[str, list[MatrixCell | None]]]


def dataset_part(
    index: int, dataset: Dataset, gallery: Gallery, report: Report, seed: int
) -> DatasetPart:
    """Return the part of the page about a dataset.

    Parameters
    ----------
    index : int
        Index of the dataset.
    dataset : Dataset
    gallery : Gallery
    report : Report
        Section of the configuration.
    seed : int
        Seed of the bootstrap of differences.
    """
    columns, leaderboard = case_columns(dataset), _leaderboard(dataset)
    classes, colours = dataset.plan.classes, class_colours(dataset.plan)
    return DatasetPart(
        id=f"dataset-{index + 1}",
        name=dataset.name,
        subset=subset_name(dataset.subset),
        verdict=verdict(dataset),
        cautions=cautions(dataset),
        columns=leaderboard_columns(dataset),
        leaderboard=leaderboard,
        baseline=next((e.name for e in dataset.experiments if e.record is not None), None),
        has_baseline=best_baseline(dataset.leaderboard) is not None,
        infinite=any(cell.remark for row in leaderboard for cell in row.cells),
        axis=score_bars(dataset)[0],
        pairs=pair_rows(dataset, report.bootstrap, seed),
        ranked_by=SCORE_NAMES.get(dataset.ranked_by, dataset.ranked_by),
        has_objects=dataset.has_objects,
        ap_chart=ap_chart(dataset),
        errors=_errors(dataset),
        by_class=by_class(dataset),
        costs=cost_table(dataset),
        cost_charts=cost_charts(dataset),
        measured_on=devices(dataset),
        experiments=dataset.experiments,
        gallery=gallery,
        classes=[ClassKey(spec.name, colours[k]) for k, spec in sorted(classes.items())],
        several=len(classes) > 1,
        stuff=[spec.name for spec in classes.values() if spec.kind == "stuff"],
        case_columns=columns,
        case_rows=[
            _case_row(experiment, row, columns)
            for experiment in dataset.experiments
            for row in experiment.scores.cases
        ],
        data=data_rows(dataset.plan),
        settings=setting_rows(dataset),
        tuned=tuned_rows(dataset),
        several_folds=any("ensemble" in e.used for e in dataset.experiments),
        networks=[(e.name, network_row(e)) for e in dataset.experiments],
        iou_chart=iou_chart(dataset),
        loss_charts=loss_charts(dataset),
    )


def matrix(datasets: Sequence[Dataset]) -> Matrix:
    """Return the leaderboard of networks by datasets."""
    names: dict[str, None] = {}
    cells: dict[tuple[str, int], MatrixCell] = {}
    for index, dataset in enumerate(datasets):
        for experiment, row in zip(dataset.experiments, dataset.leaderboard, strict=True):
            names[experiment.name] = None
            cells[experiment.name, index] = MatrixCell(
                value=number_text(number(row, dataset.ranked_by)),
                interval=interval_text(row, dataset.ranked_by),
                best=row is dataset.leaderboard[0],
                level=told_apart(row) is False,
            )
    columns = [
        MatrixColumn(
            id=f"dataset-{index + 1}",
            name=dataset.name,
            score=SCORE_NAMES.get(dataset.ranked_by, dataset.ranked_by),
            cases=_cases(dataset),
        )
        for index, dataset in enumerate(datasets)
    ]
    rows = [(name, [cells.get((name, i)) for i in range(len(datasets))]) for name in names]
    return Matrix(columns, rows)


def _leaderboard(dataset: Dataset) -> list[LeaderboardRow]:
    columns = leaderboard_columns(dataset)
    cells = [leaderboard_cells(dataset.leaderboard, column) for column in columns]
    _, bars = score_bars(dataset)
    return [
        LeaderboardRow(
            name=experiment.name,
            colour=network_style(rank)[0],
            cells=[column[rank] for column in cells],
            score=number_text(number(row, dataset.ranked_by)),
            bar=bars[rank],
            behind=number_text(number(row, "behind_best")),
            behind_interval=interval_text(row, "behind_best"),
            apart=told_apart(row),
            against=against_baseline(row),
        )
        for rank, (experiment, row) in enumerate(
            zip(dataset.experiments, dataset.leaderboard, strict=True)
        )
    ]


def _errors(dataset: Dataset) -> list[ErrorRow]:
    rows = []
    for experiment, row in zip(dataset.experiments, dataset.leaderboard, strict=True):
        counts = error_counts(row)
        if counts is not None:
            rows.append(ErrorRow(experiment.name, stacked_bar(counts.parts), counts))
    return rows


def _case_row(experiment: Experiment, row: Row, columns: Sequence[Column]) -> CaseRow:
    return CaseRow(
        experiment=experiment,
        case=str(row["case"]),
        subset=subset_name(str(row["subset"])),
        fold=str(row["fold"]),
        cells=case_cells(row, columns),
    )


def _cases(dataset: Dataset) -> str:
    count = int(number(dataset.leaderboard[0], "cases")) if dataset.leaderboard else 0
    return f"{count} {subset_name(dataset.subset)} case{'s' * (count != 1)}"
