"""The configuration as a whole: its sections and its levels.

How a network is trained and used is set at three levels: in the sections of the top level, in
the same sections inside a dataset, and inside an experiment. The more specific level overrides
the others key by key (`Config.run`).
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
    # keys of experiments that `septum.config.experiment_grid` made, and those the user wrote
    _written: dict[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _tidy(cls, data: Any) -> Any:
        """Drop datasets and experiments that are null (switched off), and expand ``~``."""
        if isinstance(data, dict):
            data = dict(data)
            if isinstance(data.get("results"), str):
                data["results"] = os.path.expanduser(data["results"])
            for key in ("datasets", "experiments"):
                if key in data:
                    data[key] = without_nulls(data[key])
        return data

    def dataset_section(self, dataset: str, name: str) -> Section:
        """Return a section of the top level, overridden by that of a dataset."""
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
        # Settings of wider levels apply to the heads that have a use for them; those of the
        # experiment itself are checked.
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
        """Return the settings of a baseline on one dataset."""
        spec = self.experiments[experiment]
        return Baseline(
            dataset=dataset, experiment=experiment, method=spec.method, options=spec.options
        )

    def folds(self, dataset: str, experiment: str) -> list[int] | Literal["all"]:
        """Return the folds on which an experiment is trained or tuned."""
        spec = self.experiments[experiment]
        if spec.merge is not None:
            return self.folds(dataset, spec.merge.instances)
        if spec.method is None:
            return self.run(dataset, experiment).train.folds
        where = f"datasets.{dataset}.train"
        return _merged(self.train, (where, self.datasets[dataset].train)).folds

    def folds_key(self, dataset: str, experiment: str) -> str:
        """Return the key that sets the folds, for messages."""
        spec = self.experiments[experiment]
        if spec.merge is not None:
            return self.folds_key(dataset, spec.merge.instances)
        if spec.method is None:
            return f"experiments.{experiment}.train.folds"
        of_dataset = "folds" in self.datasets[dataset].train
        return f"datasets.{dataset}.train.folds" if of_dataset else "train.folds"

    def train_seed(self, experiment: str) -> int:
        """Return the seed of an experiment's trainings, by default that of the configuration."""
        seed = self.experiments[experiment].seed
        return self.seed if seed is None else seed

    def as_written(self, problem: Problem) -> Problem:
        """Return a problem with the key that the user wrote in place of a generated one."""
        return as_written(problem, self._written)


def _merged(top: Section, *overrides: tuple[str, Mapping[str, Any]]) -> Any:
    values = top.model_dump(exclude_unset=True)
    problems = Problems()
    for where, override in overrides:
        try:
            # validated level by level, so that an error names the level that it is in
            type(top).model_validate({**values, **override})
        except ValidationError as error:
            problems.extend(problems_of(error, where, type(top)))
            continue
        values = {**values, **override}
    problems.raise_if_any()
    return type(top).model_validate(values)
