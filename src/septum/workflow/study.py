"""What a configuration comes to: its datasets, experiments, cases and batches.

Read whenever the Snakefile is parsed, once per cluster job, hence no heavy import here.
"""

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

    Folders carry safe names; the configuration's own names go into the files.

    Parameters
    ----------
    config : Config

    Attributes
    ----------
    datasets, experiments : dict of str to str
        Folder to name in the configuration.
    cases : dict of str to list of CaseFiles
        By dataset.
    batches : dict of str to dict of str to list of CaseFiles
        By dataset and name of the batch.
    runs : list of RunKey
        What is to be computed.

    Raises
    ------
    SeptumError
        With every problem of the patterns that find the cases of a dataset.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.paths = Paths(config.results.rstrip("/"))
        self.datasets = {safe_name(name): name for name in config.datasets}
        self.experiments = {safe_name(name): name for name in config.experiments}
        self.cases = {key: find_cases(config, name) for key, name in self.datasets.items()}
        self.batches = {key: find_batches(config, cases) for key, cases in self.cases.items()}
        self.runs = [RunKey(*map(safe_name, names)) for names in runs(config)]
        # of bound methods, so that what is remembered goes with the study
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
        """Return a dataset's section of the configuration."""
        return self.config.datasets[self.datasets[dataset]]

    def _section(self, dataset: str, name: str) -> Section:
        """Return a section of a dataset: the top level's, overridden by the dataset's own."""
        return self.config.dataset_section(self.datasets[dataset], name)

    def split_file(self, dataset: str) -> str | None:
        """Return the file that says which case is for what, if there is one."""
        file = self.spec(dataset).split.file
        return None if file is None else str(resolve(self.config, file))

    def _largest_case(self, dataset: str, batch: str | None = None) -> int:
        """Return the pixels (times channels) of the largest image of a batch, or of a dataset."""
        cases = self.cases[dataset] if batch is None else self.batches[dataset][batch]
        return max(sum(map(count_pixels, case.images)) for case in cases)

    # ---- experiments ----

    def kind(self, experiment: str) -> Kind:
        """Say what an experiment is: a network, a classical baseline, or a merge of two others."""
        return self.config.experiments[self.experiments[experiment]].kind

    def of_kind(self, kind: Kind) -> list[str]:
        """Return the experiments of a kind."""
        return [key for key in self.experiments if self.kind(key) == kind]

    def runs_of(self, dataset: str) -> list[RunKey]:
        """Return what is to be computed on a dataset."""
        return [run for run in self.runs if run.dataset == dataset]

    def scored_datasets(self) -> list[str]:
        """Return the datasets on which anything is to be computed, sorted."""
        return sorted({run.dataset for run in self.runs})

    def _settings(self, dataset: str, experiment: str) -> Run:
        """Return the merged settings of a network's experiment on a dataset."""
        return self.config.run(self.datasets[dataset], self.experiments[experiment])

    def baseline(self, dataset: str, experiment: str) -> Baseline:
        """Return the settings of a classical baseline on a dataset."""
        return self.config.baseline(self.datasets[dataset], self.experiments[experiment])

    def merge(self, experiment: str) -> Merge:
        """Return the names of the two experiments that a merge is made of."""
        merge = self.config.experiments[self.experiments[experiment]].merge
        assert merge is not None, f"{experiment} is no merge"
        return merge

    def _folds(self, dataset: str, experiment: str) -> list[int]:
        """Return the folds that an experiment's network is trained on, or its baseline tuned on."""
        folds = self.config.folds(self.datasets[dataset], self.experiments[experiment])
        if folds == "all":
            return list(range(fold_count(self.spec(dataset).split, self.split_file(dataset))))
        return sorted(set(folds))

    def models(self, dataset: str, experiment: str) -> list[str]:
        """Return what an experiment predicts with: a file a fold."""
        trained = self.kind(experiment) == "network"
        file = self.paths.model if trained else self.paths.parameters
        return [file(dataset, experiment, fold) for fold in self.folds(dataset, experiment)]

    def _trained(self, run: RunKey) -> list[str]:
        return [self.paths.trained_weights(*run, fold) for fold in self.folds(*run)]

    def trainings(self) -> int:
        """Return how many networks the configuration trains, folds counted.

        Those already trained count too: another number of threads adds up in another order, and a
        training that goes on must end with the weights of an undisturbed one.
        """
        return sum(len(self.folds(*run)) for run in self.runs if self.kind(run[1]) == "network")

    # ---- what a user is told when a run starts ----

    def left_out(self) -> Iterator[Problem]:
        """Yield why an experiment that names no datasets does not run on one."""
        yield from dict.fromkeys(map(self.config.as_written, left_out(self.config)))

    def missing_checkpoints(self) -> list[Problem]:
        """Return the checkpoints that are not there, of trainings that have yet to start."""
        missing = missing_checkpoints(self.config)
        needed = dict.fromkeys(
            self.config.as_written(missing[self.experiments[run.experiment]])
            for run in self.runs
            if self.experiments[run.experiment] in missing
            and not all(map(os.path.exists, self._trained(run)))
        )
        return list(needed)
