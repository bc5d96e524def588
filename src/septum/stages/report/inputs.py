"""Reading of the results that the report shows, for given datasets, experiments and folds.

Folders are not searched, since they may hold results of an earlier configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from septum.classical.fitted import Fitted, Record, common_baseline, read_record
from septum.config.schema import IntensityScheme, Merge, Normalisation, Run, Weights
from septum.data.plan import Plan, read_plan
from septum.data.store import case_paths, open_prediction
from septum.errors import problem
from septum.networks.model_header import count_weights, read_header
from septum.stages.leaderboard.scores import Row, Scores, read_rows, read_scores
from septum.stages.merge.record import Merged, common_merge
from septum.workflow.paths import Paths
from septum.workflow.report_contents import ReportedDataset

Value = bool | int | float | str | list[Any] | None
"""The JSON value of an option or a parameter."""


@dataclass(frozen=True)
class ShownModel:
    """The content of a model file that the report shows.

    Parameters
    ----------
    network, head : str
    options, decoder : dict
        Values by name; values that are not used are None or absent.
    normalisation : IntensityScheme
        Normalisation of intensities.
    patch : tuple of int
        Size of the training patch, in pixels.
    weights : int
        Number of trained parameters.
    """

    network: str
    head: str
    options: dict[str, Value]
    decoder: dict[str, Value]
    normalisation: IntensityScheme
    patch: tuple[int, ...]
    weights: int


@dataclass(frozen=True)
class Used:
    """The settings of a prediction, as they are recorded with it.

    Parameters
    ----------
    decoder : dict
        The decoder, which is the common one if several folds predict together.
    tile : tuple of int
        Window of the prediction, in pixels; empty if an older version did not record it.
    """

    decoder: dict[str, Value]
    tile: tuple[int, ...]


@dataclass(frozen=True)
class Experiment:
    """The results of one network, or of one classical baseline, on one dataset.

    Parameters
    ----------
    key : str
        Name of the experiment's folder and in ``leaderboard.csv``.
    name : str
        Name in the configuration; for a baseline or a merge followed by its kind.
    scores : Scores
        Scores of test and validation cases.
    histories : dict of int to list of rows
        Training histories by fold; folds without a history are absent.
    models : dict of int to ShownModel
        Models by fold.
    predicted : dict of str to Path
        Predictions by case.
    run : Run, optional
        Settings of a network.
    record : Record, optional
        Parameters with which a baseline or a merge, which has neither histories nor models,
        predicts its test cases.
    options : dict
        Parameters of a baseline that are set in the configuration.
    used : dict of str to Used
        Settings of a network's predictions, by fold or ``ensemble``.
    pooled, confusion : list of rows
        Rows of ``pooled.csv``, scores by class, and of ``confusion.csv``, pixels by pair of
        classes.
    """

    key: str
    name: str
    scores: Scores
    histories: dict[int, list[Row]]
    models: dict[int, ShownModel]
    predicted: dict[str, Path]
    run: Run | None = None
    record: Record | None = None
    options: dict[str, Value] = field(default_factory=dict)
    used: dict[str, Used] = field(default_factory=dict)
    pooled: list[Row] = field(default_factory=list)
    confusion: list[Row] = field(default_factory=list)

    @property
    def merge(self) -> Merge | None:
        """The two experiments that are merged; None if this is not a merge."""
        return self.record.merge if isinstance(self.record, Merged) else None


@dataclass(frozen=True)
class Dataset:
    """The results of one dataset, with experiments in the order of the leaderboard.

    ``plan`` holds the settings of weight maps that were used; ``normalisation`` and ``weights``
    are sections of the configuration.
    """

    name: str
    plan: Plan
    normalisation: Normalisation
    weights: Weights
    leaderboard: list[Row]
    experiments: list[Experiment]
    cases: dict[str, Path]

    @cached_property
    def subset(self) -> str:
        """The subset of the leaderboard: ``test``, ``val`` or ``none``."""
        return str(self.leaderboard[0]["subset"]) if self.leaderboard else "none"

    @property
    def ranked_by(self) -> str:
        """The column of the leaderboard that determines the rank."""
        return str(self.leaderboard[0]["ranked_by"]) if self.leaderboard else "dice"

    @property
    def has_objects(self) -> bool:
        """Whether experiments predict single objects."""
        return any(experiment.scores.has_objects for experiment in self.experiments)


def read_dataset(results: Path, reported: ReportedDataset) -> Dataset:
    """Read the results of a dataset that the report shows.

    Raises
    ------
    SeptumError
        If a file is missing or damaged.
    """
    paths, folder = Paths(str(results)), reported.folder
    leaderboard_path = Path(paths.leaderboard(folder))
    leaderboard = read_rows(leaderboard_path, {"experiment", "subset", "ranked_by"})
    rank = {str(row["experiment"]): i for i, row in enumerate(leaderboard)}
    shown = reported.experiments
    missing = sorted(set(shown) - set(rank))
    if missing:
        what = f"has no row for {', '.join(missing)}"
        raise problem(leaderboard_path, what, "run the stage that writes it again")
    plan = read_plan(paths.plan(folder)).with_weights(reported.weights)
    return Dataset(
        name=reported.name,
        plan=plan,
        normalisation=reported.normalisation,
        weights=reported.weights,
        leaderboard=[row for row in leaderboard if row["experiment"] in shown],
        experiments=[
            _read_experiment(paths, reported, key, plan)
            for key in sorted(shown, key=lambda key: rank[key])
        ],
        cases=case_paths(paths.cases(folder, batch) for batch in reported.batches),
    )


def read_shown_model(path: Path) -> ShownModel:
    """Read the header of a model file, without its weights and without PyTorch.

    Raises
    ------
    SeptumError
        If the file is not a model file.
    """
    header = read_header(path)
    decoder = {}
    if header.decoder is not None:
        decoder = {**header.decoder.described(), "score": header.decoder.score}
    return ShownModel(
        network=header.network,
        head=header.head,
        options=header.options,
        decoder=decoder,
        normalisation=header.intensities,
        patch=header.patch,
        weights=count_weights(path),
    )


_RECORDS = {"classical": (Fitted, common_baseline), "merged": (Merged, common_merge)}
"""By the kind of experiment, the record of a fold, and what makes one record of several folds'."""


def _read_experiment(paths: Paths, dataset: ReportedDataset, key: str, plan: Plan) -> Experiment:
    reported, place = dataset.experiments[key], (dataset.folder, key)
    tables = ("cases", "classes", "pooled", "confusion")
    table = {name: Path(paths.table(name, *place)) for name in tables}
    predicted = case_paths(paths.predicted(*place, batch) for batch in dataset.batches)
    results = {
        "key": key,
        "scores": read_scores(table["cases"], table["classes"]),
        "pooled": read_rows(table["pooled"], {"subset", "class", "class_name", "kind", "iou"}),
        "confusion": read_rows(table["confusion"], {"subset", "true", "predicted", "pixels"}),
        "predicted": predicted,
    }
    kind = reported.kind
    if kind in _RECORDS:
        record, common = _RECORDS[kind]
        files = [Path(paths.parameters(*place, fold)) for fold in reported.folds]
        tuned = [read_record(file, record) for file in files]
        return Experiment(
            name=f"{reported.name} ({kind})",
            histories={},
            models={},
            record=common(tuned),
            options=reported.baseline.options if reported.baseline else {},
            **results,
        )
    models = {fold: Path(paths.model(*place, fold)) for fold in reported.folds}
    history = {fold: Path(paths.history(*place, fold)) for fold in reported.folds}
    return Experiment(
        name=reported.name,
        histories={
            fold: read_rows(path, {"epoch", "train_loss", "val_loss", "val_iou"})
            for fold, path in history.items()
            if path.is_file()
        },
        models={fold: read_shown_model(path) for fold, path in models.items()},
        run=reported.run,
        used=_read_used(predicted, plan),
        **results,
    )


def _read_used(predicted: Mapping[str, Path], plan: Plan) -> dict[str, Used]:
    """Return the settings of the predictions of each fold, and of all folds together.

    They are read from one case of each fold and one test case, since they are equal for the
    others.
    """
    used = {}
    for names in (*plan.folds, [*plan.test, *plan.unlabelled]):
        predicted_paths = [predicted[name] for name in names if name in predicted]
        if predicted_paths:
            attributes = open_prediction(predicted_paths[0]).attributes
            used[str(attributes.fold)] = Used(attributes.decoder or {}, attributes.tile or ())
    return used
