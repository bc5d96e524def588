"""The configuration as a whole: its sections and its levels.

Three levels say how a network is trained and used: the sections of the top level, the same
sections inside a dataset, and inside an experiment. The narrower one wins, key by key
(`Config.run`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from septum.config.dataset import Dataset
from septum.config.experiment import Experiment
from septum.config.experiment_grid import as_written
from septum.config.head_fits import unfit_settings
from septum.config.messages import problems_of
from septum.config.schema import (
    Augment,
    Baseline,
    Decode,
    Evaluate,
    Export,
    Jobs,
    Predict,
    Report,
    Run,
    Seed,
    Train,
    Weights,
)
from septum.config.section import Section, without_nulls
from septum.errors import Problem, Problems


class Config(Section):
    """The whole configuration."""

    results: Annotated[str, Field(pattern=r"^[^<>{}]*[^/<>{}][^<>{}]*$")] = "results"
    data_root: str = "."
    seed: Seed = 0
    datasets: dict[str, Dataset]
    experiments: dict[str, Experiment] = Field(default_factory=dict)
    augment: Augment = Augment()
    weights: Weights = Weights()
    train: Train = Train()
    predict: Predict = Predict()
    decode: Decode = Decode()
    evaluate: Evaluate = Evaluate()
    export: Export = Export()
    report: Report = Report()
    jobs: Jobs = Jobs()
    # of experiments that `septum.config.experiment_grid` made: the keys that the user wrote
    _written: dict[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _tidy(cls, data: Any) -> Any:
        """Drop what is set to null (a second file switches it off so); expand ``~``."""
        if isinstance(data, dict):
            data = dict(data)
            if isinstance(data.get("results"), str):
                data["results"] = os.path.expanduser(data["results"])
            for key in ("datasets", "experiments"):
                if key in data:
                    data[key] = without_nulls(data[key])
        return data

    def dataset_section(self, dataset: str, name: str) -> Section:
        """Return a section of a dataset: the top level's, overridden by the dataset's own."""
        top = getattr(self, name)
        return _merged(top, (f"datasets.{dataset}.{name}", getattr(self.datasets[dataset], name)))

    def run(self, dataset: str, experiment: str) -> Run:
        """Return the settings of a network's experiment on one dataset, all levels merged."""
        spec, data = self.experiments[experiment], self.datasets[dataset]
        sections = {
            name: _merged(
                getattr(self, name),
                (f"datasets.{dataset}.{name}", getattr(data, name)),
                (f"experiments.{experiment}.{name}", getattr(spec, name)),
            )
            for name in ("train", "predict", "decode")
        }
        # set for all, these are for the heads that they fit; an experiment's own are checked
        for where, neutral, *_ in unfit_settings(spec.head, sections):
            name, key = where.split(".")
            if key not in getattr(spec, name):
                sections[name] = sections[name].model_copy(update={key: neutral})
        return Run(
            dataset=dataset,
            experiment=experiment,
            network=spec.network,
            options=spec.options,
            head=spec.head,
            pretrained=spec.pretrained,
            start_from=spec.start_from,
            **sections,
        )

    def baseline(self, dataset: str, experiment: str) -> Baseline:
        """Return what decides a baseline on one dataset."""
        spec = self.experiments[experiment]
        return Baseline(
            dataset=dataset, experiment=experiment, method=spec.method, options=spec.options
        )

    def folds(self, dataset: str, experiment: str) -> list[int] | Literal["all"]:
        """Return the folds that an experiment is trained, or tuned, on."""
        spec = self.experiments[experiment]
        if spec.merge is not None:
            return self.folds(dataset, spec.merge.instances)
        if spec.method is None:
            return self.run(dataset, experiment).train.folds
        where = f"datasets.{dataset}.train"
        return _merged(self.train, (where, self.datasets[dataset].train)).folds

    def folds_key(self, dataset: str, experiment: str) -> str:
        """Return the key that says them, for messages."""
        spec = self.experiments[experiment]
        if spec.merge is not None:
            return self.folds_key(dataset, spec.merge.instances)
        if spec.method is None:
            return f"experiments.{experiment}.train.folds"
        of_dataset = "folds" in self.datasets[dataset].train
        return f"datasets.{dataset}.train.folds" if of_dataset else "train.folds"

    def train_seed(self, experiment: str) -> int:
        """Return the seed of an experiment's trainings: its own, or that of all."""
        own = self.experiments[experiment].seed
        return self.seed if own is None else own

    def as_written(self, problem: Problem) -> Problem:
        """Return a problem at the key that the user wrote."""
        return as_written(problem, self._written)


def _merged(top: Section, *overrides: tuple[str, Mapping[str, Any]]) -> Any:
    values = top.model_dump(exclude_unset=True)
    problems = Problems()
    for where, override in overrides:
        try:
            # alone first, so that an error names the level it comes from
            type(top).model_validate({**values, **override})
        except ValidationError as error:
            problems.extend(problems_of(error, where, type(top)))
            continue
        values = {**values, **override}
    problems.raise_if_any()
    return type(top).model_validate(values)
