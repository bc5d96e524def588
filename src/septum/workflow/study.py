"""The datasets, experiments, cases and batches that a configuration describes."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from septum.config.config import Config
from septum.config.dataset import Dataset
from septum.config.load import validate
from septum.config.runs import left_out, runs
from septum.config.schema import Baseline, Merge, Run
from septum.config.section import Section
from septum.data.case_files import safe_name
from septum.errors import Problem
from septum.workflow.discovery import find_batches, find_cases, missing_checkpoints, resolve
from septum.workflow.image_size import count_pixels
from septum.workflow.paths import Paths
from septum.workflow.split_file import fold_count

Kind = Literal["network", "classical", "merged"]


class RunKey(NamedTuple):
    """A dataset and an experiment by their folders, as the wildcards of a rule name them."""

    dataset: str
    experiment: str


class Study:
    """The datasets and experiments of a configuration, by the names of their folders.

    Folders have safe names; files contain the names of the configuration.

    Parameters
    ----------
    config : Config

    Attributes
    ----------
    datasets, experiments : dict of str to str
        Names in the configuration by folder.
    cases : dict of str to list of CaseFiles
        Cases by dataset.
    batches : dict of str to dict of str to list of CaseFiles
        Cases by dataset and name of the batch.
    runs : list of RunKey
        The runs to compute.

    Raises
    ------
    SeptumError
        With all problems in finding the cases of the datasets.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.paths = Paths(config.results.rstrip("/"))
        self.datasets = {safe_name(name): name for name in config.datasets}
        self.experiments = {safe_name(name): name for name in config.experiments}
        self.cases = {key: find_cases(config, name) for key, name in self.datasets.items()}
        self.batches = {key: find_batches(config, cases) for key, cases in self.cases.items()}
        self.runs = [RunKey(*map(safe_name, names)) for names in runs(config)]
        # caches of bound methods, so that cached values are freed with the study
        self.settings = functools.cache(self._settings)
        self.section = functools.cache(self._section)
        self.folds = functools.cache(self._folds)
        self.largest_case = functools.cache(self._largest_case)

    @classmethod
    def validated(cls, raw: Mapping[str, Any]) -> Study:
        """Return the study of a plain mapping (Snakemake's ``config``)."""
        return cls(validate(raw))

    # ---- datasets ----

    def spec(self, dataset: str) -> Dataset:
        """Return the section of a dataset in the configuration."""
        return self.config.datasets[self.datasets[dataset]]

    def _section(self, dataset: str, name: str) -> Section:
        """Return a section of the top level, overridden by that of a dataset."""
        return self.config.dataset_section(self.datasets[dataset], name)

    def split_file(self, dataset: str) -> str | None:
        """Return the file of a predefined split, if there is one."""
        file = self.spec(dataset).split.file
        return None if file is None else str(resolve(self.config, file))

    def _largest_case(self, dataset: str, batch: str | None = None) -> int:
        """Return the pixels (times channels) of the largest image of a batch, or of a dataset."""
        cases = self.cases[dataset] if batch is None else self.batches[dataset][batch]
        return max(sum(map(count_pixels, case.images)) for case in cases)

    # ---- experiments ----

    def kind(self, experiment: str) -> Kind:
        """Return the kind of an experiment: network, classical baseline or merge."""
        return self.config.experiments[self.experiments[experiment]].kind

    def of_kind(self, kind: Kind) -> list[str]:
        """Return the experiments of a kind."""
        return [key for key in self.experiments if self.kind(key) == kind]

    def runs_of(self, dataset: str) -> list[RunKey]:
        """Return the runs to compute on a dataset."""
        return [run for run in self.runs if run.dataset == dataset]

    def scored_datasets(self) -> list[str]:
        """Return the datasets that have runs to compute, sorted."""
        return sorted({run.dataset for run in self.runs})

    def _settings(self, dataset: str, experiment: str) -> Run:
        """Return the merged settings of a network's experiment on a dataset."""
        return self.config.run(self.datasets[dataset], self.experiments[experiment])

    def baseline(self, dataset: str, experiment: str) -> Baseline:
        """Return the settings of a classical baseline on a dataset."""
        return self.config.baseline(self.datasets[dataset], self.experiments[experiment])

    def merge(self, experiment: str) -> Merge:
        """Return the names of the two experiments of a merge."""
        merge = self.config.experiments[self.experiments[experiment]].merge
        assert merge is not None, f"{experiment} is no merge"
        return merge

    def _folds(self, dataset: str, experiment: str) -> list[int]:
        """Return the folds on which an experiment is trained or tuned."""
        folds = self.config.folds(self.datasets[dataset], self.experiments[experiment])
        if folds == "all":
            return list(range(fold_count(self.spec(dataset).split, self.split_file(dataset))))
        return sorted(set(folds))

    def models(self, dataset: str, experiment: str) -> list[str]:
        """Return the models or parameters that an experiment predicts with, a file a fold."""
        trained = self.kind(experiment) == "network"
        file = self.paths.model if trained else self.paths.parameters
        return [file(dataset, experiment, fold) for fold in self.folds(dataset, experiment)]

    def _trained(self, run: RunKey) -> list[str]:
        return [self.paths.trained_weights(*run, fold) for fold in self.folds(*run)]

    def trainings(self) -> int:
        """Return the number of trainings of networks on all folds.

        Trainings that are done count as well. The number of threads depends on this number, and
        must not change when a training is resumed, since sums over threads depend on their order.
        """
        return sum(len(self.folds(*run)) for run in self.runs if self.kind(run[1]) == "network")

    # ---- what a user is told when a run starts ----

    def left_out(self) -> Iterator[Problem]:
        """Yield the reasons why experiments that name no datasets do not run on some of them."""
        yield from dict.fromkeys(map(self.config.as_written, left_out(self.config)))

    def missing_checkpoints(self) -> list[Problem]:
        """Return the missing checkpoints of trainings that have not been done yet."""
        missing = missing_checkpoints(self.config)
        needed = dict.fromkeys(
            self.config.as_written(missing[self.experiments[run.experiment]])
            for run in self.runs
            if self.experiments[run.experiment] in missing
            and not all(map(os.path.exists, self._trained(run)))
        )
        return list(needed)
