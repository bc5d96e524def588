"""The input functions of the rules, in the order of the stages.

Snakemake calls them with the wildcards of a job. Methods are input functions themselves, unless
their docstring says that they return one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from septum.data.case_files import safe_name
from septum.workflow.discovery import resolve
from septum.workflow.study import RunKey, Study
from septum.workflow.watched_files import input_paths, is_watched


class Wildcards(Protocol):
    """The wildcards of a job, as far as its rule has them."""

    dataset: str
    experiment: str
    fold: str
    batch: str


InputFunction = Callable[[Wildcards], str | list[str]]


class Inputs:
    """The input functions of a study's rules."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._paths = study.paths

    # ---- prepare ----

    def batch_files(self, wildcards: Wildcards) -> list[str]:
        """Return the files and folders of a batch that Snakemake can watch itself.

        Snakemake interprets ``<name>`` and ``{name}`` in all paths, also in those of a lab's
        files; such paths are watched by `septum.workflow.watched_files.unwatched_digest`.
        """
        if self._study.spec(wildcards.dataset).demo is not None:
            return [self._paths.demo(wildcards.dataset)]
        cases = self._study.batches[wildcards.dataset][wildcards.batch]
        return [path for path in input_paths(cases) if is_watched(path)]

    # ---- plan ----

    def all_cases(self, wildcards: Wildcards) -> list[str]:
        """Return the canonical cases of a dataset, a folder for each batch."""
        return self._of_all_batches(self._paths.cases, wildcards.dataset)

    def split_file(self, wildcards: Wildcards) -> str | list[str]:
        """Return the file of a predefined split, or nothing."""
        return self._study.split_file(wildcards.dataset) or []

    def group_table(self, wildcards: Wildcards) -> str | list[str]:
        """Return the table of the groups of cases, or nothing."""
        spec = self._study.spec(wildcards.dataset)
        if spec.table is None or spec.group is None or "{group}" in spec.group:
            return []
        return str(resolve(self._study.config, spec.table))

    # ---- weights ----

    def copies_of_batch(self, wildcards: Wildcards) -> str | list[str]:
        """Return the elastic copies of a batch, or nothing if there are none."""
        if self._study.section(wildcards.dataset, "augment").copies == 0:
            return []
        return self._paths.copies(wildcards.dataset, wildcards.batch)

    # ---- train ----

    def all_copies(self, wildcards: Wildcards) -> list[str]:
        """Return the elastic copies of a dataset, or nothing if there are none."""
        if self._study.section(wildcards.dataset, "augment").copies == 0:
            return []
        return self._of_all_batches(self._paths.copies, wildcards.dataset)

    def all_weights(self, wildcards: Wildcards) -> list[str]:
        """Return the weight maps that a training reads, or nothing if it uses none."""
        run = self._study.settings(wildcards.dataset, wildcards.experiment)
        if not run.train.border_weights:
            return []
        return self._of_all_batches(self._paths.weights, wildcards.dataset)

    def start(self, wildcards: Wildcards) -> str | list[str]:
        """Return the file of a training's initial weights.

        There is none if it starts from random weights or downloads them from an address.
        """
        run = self._study.settings(wildcards.dataset, wildcards.experiment)
        if run.start_from is not None:
            source = safe_name(run.start_from)
            return self._paths.trained_weights(wildcards.dataset, source, wildcards.fold)
        if run.pretrained is None or run.pretrained.is_address:
            return []
        return str(resolve(self._study.config, run.pretrained.source))

    # ---- predict and export ----

    def models(self, wildcards: Wildcards) -> list[str]:
        """Return the models or parameters that an experiment predicts with, a file a fold."""
        return self._study.models(wildcards.dataset, wildcards.experiment)

    def all_predicted(self, wildcards: Wildcards) -> list[str]:
        """Return the predictions of an experiment, a folder for each batch."""
        return self._predicted(RunKey(wildcards.dataset, wildcards.experiment))

    # ---- merges of two experiments ----

    def merged_predictions(self, part: int) -> InputFunction:
        """Return an input function for all predictions of one of the merged experiments."""

        def folders(wildcards: Wildcards) -> list[str]:
            return self._predicted(self._merged(wildcards)[part])

        return folders

    def merged_batch(self, part: int) -> InputFunction:
        """Return an input function for a batch's predictions of one of the merged experiments."""

        def folder(wildcards: Wildcards) -> str:
            return self._paths.predicted(*self._merged(wildcards)[part], wildcards.batch)

        return folder

    def merged_fold_costs(self, wildcards: Wildcards) -> list[str]:
        """Return the costs of the trainings of both merged experiments on a fold."""
        return [self._paths.fold_costs(*run, wildcards.fold) for run in self._merged(wildcards)]

    def merged_batch_costs(self, wildcards: Wildcards) -> list[str]:
        """Return the costs of predicting a batch by both merged experiments."""
        return [self._paths.batch_costs(*run, wildcards.batch) for run in self._merged(wildcards)]

    # ---- leaderboard and report ----

    def scores(self, wildcards: Wildcards) -> list[str]:
        """Return the scores of a dataset's experiments."""
        files = []
        for run in self._study.runs_of(wildcards.dataset):
            files += [self._paths.table(name, *run) for name in ("cases", "classes")]
            files.append(self._paths.objects(*run))
        return files

    def costs(self, wildcards: Wildcards) -> list[str]:
        """Return the records of the time and memory that each experiment took."""
        files = []
        for run in self._study.runs_of(wildcards.dataset):
            files += [self._paths.fold_costs(*run, fold) for fold in self._study.folds(*run)]
            files += [
                self._paths.batch_costs(*run, batch) for batch in self._study.batches[run.dataset]
            ]
        return files

    def all_results(self, wildcards: Wildcards) -> list[str]:
        """Return all files that the report shows."""
        files = []
        for dataset in self._study.scored_datasets():
            files += [self._paths.plan(dataset), self._paths.leaderboard(dataset)]
            files += self._of_all_batches(self._paths.cases, dataset)
        for run in self._study.runs:
            tables = ("cases", "classes", "pooled", "confusion")
            files += [self._paths.table(name, *run) for name in tables]
            files += self._predicted(run) + self._study.models(*run)
        return files

    # ---- targets ----

    def all_predictions(self) -> list[str]:
        """Return the predictions of every experiment, in the format of the images."""
        return [self._paths.predictions(*run) for run in self._study.runs]

    def plans(self) -> list[str]:
        """Return the plan of every dataset."""
        return [self._paths.plan(dataset) for dataset in self._study.datasets]

    def _predicted(self, run: RunKey) -> list[str]:
        return [self._paths.predicted(*run, batch) for batch in self._study.batches[run.dataset]]

    def _of_all_batches(self, path: Callable[[str, str], str], dataset: str) -> list[str]:
        return [path(dataset, batch) for batch in self._study.batches[dataset]]

    def _merged(self, wildcards: Wildcards) -> list[RunKey]:
        """Return the two runs that are merged: that of objects, and that of classes of pixels."""
        merge = self._study.merge(wildcards.experiment)
        names = (merge.instances, merge.semantic)
        return [RunKey(wildcards.dataset, safe_name(name)) for name in names]
