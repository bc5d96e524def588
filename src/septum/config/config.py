"""The configuration as a whole: its files, its levels, and every mistake in it at once.

Imported whenever the Snakefile is parsed (once per cluster job), hence no heavy import here.

Three levels say how a network is trained and used: the sections of the top level, the same
sections inside a dataset, and inside an experiment. The narrower one wins, key by key
(`Config.run`).
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, PrivateAttr, ValidationError, model_validator

from septum.config.checks import cross_checks, misfits
from septum.config.experiment_grid import as_written, expand
from septum.config.head_fits import unfit_settings
from septum.config.messages import problems_of
from septum.config.repeated_keys import repeated_keys
from septum.config.schema import (
    Augment,
    Baseline,
    Dataset,
    Decode,
    Evaluate,
    Experiment,
    Export,
    Jobs,
    Predict,
    Report,
    Run,
    Section,
    Seed,
    Train,
    Weights,
    without_nulls,
)
from septum.errors import Problem, SeptumError, problem


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
    # of experiments that `septum.config.experiment_grid` made: where the user wrote them
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

    def runs(self) -> Iterator[tuple[str, str]]:
        """Yield every (dataset, experiment) that is to be computed.

        An experiment that names no datasets runs on all that it can answer for (`left_out`).
        """
        for dataset, name in self._wanted():
            if self.runs_on(dataset, name):
                yield dataset, name

    def runs_on(self, dataset: str, name: str) -> bool:
        """Say whether an experiment is to be computed on a dataset (see `runs`)."""
        wanted = self.experiments[name].datasets
        if not self.datasets[dataset].has_labels or (wanted != "all" and dataset not in wanted):
            return False
        return wanted != "all" or not any(misfits(self, dataset, name))

    def left_out(self) -> Iterator[Problem]:
        """Yield why an experiment that names no datasets does not run on one."""
        for dataset, name in self._wanted():
            if self.experiments[name].datasets == "all":
                yield from misfits(self, dataset, name)

    def _wanted(self) -> Iterator[tuple[str, str]]:
        for dataset, spec in self.datasets.items():
            for name, experiment in self.experiments.items():
                named = experiment.datasets == "all" or dataset in experiment.datasets
                if spec.has_labels and named:
                    yield dataset, name


def load(*paths: str | Path, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read and validate configuration files; a later one overrides an earlier, key by key.

    Parameters
    ----------
    *paths : str or Path
        YAML files, merged as Snakemake merges ``--configfile``.
    overrides : mapping, optional
        Top-level keys that win over the files (Snakemake's ``--config``).

    Raises
    ------
    SeptumError
        With every problem found, each naming its key.
    """
    merged: dict[str, Any] = {}
    repeated: list[Problem] = []
    for path in map(Path, paths):
        try:
            raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            why = f"cannot be read ({error.strerror})"
            raise problem(path, why, "give the path of a configuration file") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise problem(path, f"is not valid YAML ({error})", "mend the file there") from None
        if not isinstance(raw, Mapping):
            raise problem(
                path, "is not a mapping of keys to values", "see config.yaml for the layout"
            )
        repeated += repeated_keys(path)
        _update(merged, raw)
    if repeated:
        raise SeptumError(repeated)
    _update(merged, overrides or {})
    return validate(merged)


def _update(base: dict[str, Any], other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            _update(base[key], value)
        else:
            base[key] = copy.deepcopy(value)


def validate(raw: object) -> Config:
    """Turn a plain mapping (parsed YAML, Snakemake's ``config``) into a `Config`.

    Raises
    ------
    SeptumError
        With every problem found, each naming its key.
    """
    if not isinstance(raw, Mapping):
        raise problem(
            "config", "is not a mapping of keys to values", "see config.yaml for the layout"
        )
    entries = raw.get("experiments")
    grid = expand(entries if isinstance(entries, Mapping) else {})
    if isinstance(entries, Mapping):
        raw = {**raw, "experiments": grid.experiments}
    problems = grid.problems
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        problems += problems_of(error, "", Config)
    else:
        config._written = grid.keys
        problems += [] if problems else cross_checks(config)
    if problems:
        # a mistake in an entry shows once, not once a combination
        raise SeptumError(dict.fromkeys(as_written(p, grid.keys) for p in problems))
    return config


def _merged(top: Section, *overrides: tuple[str, Mapping[str, Any]]) -> Any:
    values = top.model_dump(exclude_unset=True)
    problems: list[Problem] = []
    for where, override in overrides:
        try:
            # alone first, so that an error names the level it comes from
            type(top).model_validate({**values, **override})
        except ValidationError as error:
            problems += problems_of(error, where, type(top))
            continue
        values = {**values, **override}
    if problems:
        raise SeptumError(problems)
    return type(top).model_validate(values)
