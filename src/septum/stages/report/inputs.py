"""What the report shows: the results of the datasets, experiments and folds it is given.

Folders of an earlier configuration may lie beside them, so nothing is found by looking around.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from septum.classical.fitted import Fitted, Record, common_baseline, read_record
from septum.config.schema import Weights
from septum.data.plan import Plan, read_plan
from septum.data.store import case_paths
from septum.errors import problem
from septum.stages.leaderboard.scores import Row, Scores, read_rows, read_scores
from septum.stages.merge.stage import Merged


@dataclass(frozen=True)
class Experiment:
    """The results of one network, or of one classical baseline, on one dataset.

    Parameters
    ----------
    key : str
        Name of its folder, and in ``leaderboard.csv``.
    name : str
        What the configuration calls it; of a baseline also that it is one.
    scores : Scores
        Of test and validation cases.
    histories : dict of int to list of rows
        By fold; a fold that left none is absent.
    models : dict of int to dict
        By fold: header of the model file, and ``weights``, the number of trained numbers.
    predicted : dict of str to Path
        Predictions by case.
    baseline : Record, optional
        Of a baseline or a merge, which has neither histories nor models: what predicts its
        test cases.
    pooled, confusion : list of rows
        Of ``pooled.csv``, scores by class, and of ``confusion.csv``, pixels by pair of classes.
    """

    key: str
    name: str
    scores: Scores
    histories: dict[int, list[Row]]
    models: dict[int, dict[str, Any]]
    predicted: dict[str, Path]
    baseline: Record | None = None
    pooled: list[Row] = field(default_factory=list)
    confusion: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class Dataset:
    """The results of one dataset; experiments in the order of the leaderboard."""

    name: str
    plan: Plan
    leaderboard: list[Row]
    experiments: list[Experiment]
    cases: dict[str, Path]

    @cached_property
    def subset(self) -> str:
        """The subset of the leaderboard: ``test``, ``val`` or ``none``."""
        return str(self.leaderboard[0]["subset"]) if self.leaderboard else "none"

    @property
    def ranked_by(self) -> str:
        """The column of the leaderboard that decides."""
        return str(self.leaderboard[0]["ranked_by"]) if self.leaderboard else "dice"

    @property
    def has_objects(self) -> bool:
        """Whether single objects are told apart."""
        return any(experiment.scores.has_objects for experiment in self.experiments)


def read_dataset(results: Path, spec: Mapping[str, Any]) -> Dataset:
    """Read all that the report shows of a dataset.

    Parameters
    ----------
    results : Path
    spec : mapping
        ``name``; ``folder`` in ``results``; ``batches``, their names; ``weights``, the settings
        of the weight maps; ``experiments``, from the name of the folder to ``name``, the
        configuration's, ``folds``, those trained or tuned, and ``kind``: network, classical
        (a baseline) or merged.

    Raises
    ------
    SeptumError
        If a file is missing or damaged.
    """
    folder, batches = Path(results) / spec["folder"], spec["batches"]
    leaderboard = read_rows(folder / "leaderboard.csv", {"experiment", "subset", "ranked_by"})
    place = {str(row["experiment"]): i for i, row in enumerate(leaderboard)}
    missing = sorted(set(spec["experiments"]) - set(place))
    if missing:
        what = f"has no row for {', '.join(missing)}"
        raise problem(folder / "leaderboard.csv", what, "run the stage that writes it again")
    shown = set(spec["experiments"])
    return Dataset(
        name=spec["name"],
        plan=read_plan(folder / "plan.json").with_weights(Weights(**spec["weights"])),
        leaderboard=[row for row in leaderboard if row["experiment"] in shown],
        experiments=[
            _read_experiment(folder / key, batches=batches, **spec["experiments"][key])
            for key in sorted(shown, key=lambda key: place[key])
        ],
        cases=case_paths(folder / "cases" / batch for batch in batches),
    )


def read_model_header(path: Path) -> dict[str, Any]:
    """Read the JSON header of a model file, without the weights and without PyTorch.

    A safetensors file starts with the length of its header (8 bytes, little endian) and the
    header, which lists the tensors and keeps our own header under ``__metadata__``.

    Raises
    ------
    SeptumError
        If it is no such file.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length))
        own = json.loads(header.pop("__metadata__")["septum"])
    except (OSError, ValueError, KeyError, struct.error) as error:
        what = f"is no model file of Septum ({type(error).__name__}: {error})"
        raise problem(path, what, "train it again") from None
    # running statistics of normalisation layers are counted along, but not learnt
    learnt = [t for name, t in header.items() if name.rsplit(".", 1)[-1] not in _BUFFERS]
    return {**own, "weights": sum(math.prod(tensor["shape"]) for tensor in learnt)}


_RECORDS = {"classical": Fitted, "merged": Merged}
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def _read_experiment(
    folder: Path,
    name: str,
    folds: list[int],
    batches: list[str],
    kind: Literal["network", "classical", "merged"],
) -> Experiment:
    paths = {fold: folder / f"fold{fold}" for fold in folds}
    results = {
        "key": folder.name,
        "scores": read_scores(folder / "cases.csv", folder / "classes.csv"),
        "pooled": read_rows(
            folder / "pooled.csv", {"subset", "class", "class_name", "kind", "iou"}
        ),
        "confusion": read_rows(folder / "confusion.csv", {"subset", "true", "predicted", "pixels"}),
        "predicted": case_paths(folder / "predicted" / batch for batch in batches),
    }
    if kind in _RECORDS:
        tuned = [read_record(path / "parameters.json", _RECORDS[kind]) for path in paths.values()]
        return Experiment(
            name=f"{name} ({kind})",
            histories={},
            models={},
            baseline=common_baseline(tuned),
            **results,
        )
    histories = {
        fold: read_rows(path / "history.csv", {"epoch", "train_loss", "val_loss", "val_iou"})
        for fold, path in paths.items()
        if (path / "history.csv").is_file()
    }
    models = {fold: read_model_header(path / "model.safetensors") for fold, path in paths.items()}
    return Experiment(name=name, histories=histories, models=models, **results)
