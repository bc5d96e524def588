"""The parameters of the rules: settings, one function a rule.

Snakemake compares the parameters of a job with those of its last run as a set of values without
names. Each section therefore travels as one canonical JSON string, so that a swap of two values
shows and a reordering does not. What a rule is given here is all that its results depend on: a
setting that is left out does not rerun it.
"""

from __future__ import annotations

import functools
from typing import Any

from septum.config.schema import Tune, canonical_json
from septum.config.section import Section
from septum.workflow.batch_list import batch_list_text
from septum.workflow.handed_file import text_digest
from septum.workflow.inputs import Wildcards
from septum.workflow.report_contents import (
    ReportContents,
    ReportedDataset,
    ReportedExperiment,
    report_json,
)
from septum.workflow.study import RunKey, Study
from septum.workflow.watched_files import unwatched_digest


class Params:
    """The settings of a study's rules, in the order of the stages."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._config = study.config
        self.seed = study.config.seed

    # ---- names, as the configuration writes them ----

    def dataset(self, wildcards: Wildcards) -> str:
        """Return the dataset's own name."""
        return self._study.datasets[wildcards.dataset]

    def experiment(self, wildcards: Wildcards) -> str:
        """Return the experiment's own name."""
        return self._study.experiments[wildcards.experiment]

    # ---- demo and prepare ----

    def demo_kind(self, wildcards: Wildcards) -> str | None:
        """Return which dataset is simulated."""
        return self._study.spec(wildcards.dataset).demo

    def prepare(self, wildcards: Wildcards) -> str:
        """Return what reading a case depends on: not the split, not the training."""
        keys = "reader annotation classes void labels instances segments spacing"
        return some_of(self._study.spec(wildcards.dataset), keys)

    def batch(self, wildcards: Wildcards) -> str:
        """Return a digest of a batch's cases, and of their files that Snakemake does not watch."""
        cases = self._study.batches[wildcards.dataset][wildcards.batch]
        made_by_a_rule = self._study.spec(wildcards.dataset).demo is not None
        unwatched = unwatched_digest([] if made_by_a_rule else cases)
        return f"{text_digest(batch_list_text(cases))}-{unwatched}"

    # ---- plan, augment and weights ----

    def plan(self, wildcards: Wildcards) -> str:
        """Return what the derived settings and the split depend on."""
        keys = "annotation classes normalisation split exclude group"
        return some_of(self._study.spec(wildcards.dataset), keys)

    def augment(self, wildcards: Wildcards) -> str:
        """Return the settings of the elastic copies."""
        return canonical_json(self._study.section(wildcards.dataset, "augment"))

    def weights(self, wildcards: Wildcards) -> str:
        """Return the settings of the weight maps."""
        return canonical_json(self._study.section(wildcards.dataset, "weights"))

    # ---- networks ----

    def train(self, wildcards: Wildcards) -> str:
        """Return one training's settings; which other folds are trained is none of its business."""
        settings = self._study.settings(wildcards.dataset, wildcards.experiment)
        plain = settings.model_dump(mode="json")
        for after_training in ("predict", "decode"):
            del plain[after_training]
        del plain["train"]["folds"]
        return canonical_json(plain)

    def tune(self, wildcards: Wildcards) -> str:
        """Return how a network is applied to whole images, and what of its decoder is set."""
        settings = self._study.settings(wildcards.dataset, wildcards.experiment)
        return canonical_json(Tune(predict=settings.predict, decode=settings.decode))

    def train_seed(self, wildcards: Wildcards) -> int:
        """Return the seed of an experiment's trainings: its own, or that of all."""
        return self._config.train_seed(self.experiment(wildcards))

    def predict(self, wildcards: Wildcards) -> str:
        """Return how a network is applied to whole images."""
        return canonical_json(self._study.settings(wildcards.dataset, wildcards.experiment).predict)

    # ---- classical baselines and merges ----

    def fit(self, wildcards: Wildcards) -> str:
        """Return the settings of a classical baseline."""
        return canonical_json(self._study.baseline(wildcards.dataset, wildcards.experiment))

    def tune_merge(self, wildcards: Wildcards) -> str:
        """Return which two experiments are merged."""
        return canonical_json(self._study.merge(wildcards.experiment))

    # ---- export, evaluate, leaderboard and report ----

    def export(self, wildcards: Wildcards) -> str:
        """Return what is delivered beside the label maps."""
        return canonical_json(self._study.section(wildcards.dataset, "export"))

    @functools.cached_property
    def evaluate(self) -> str:
        """What is scored, and by which convention."""
        return canonical_json(self._config.evaluate)

    @functools.cached_property
    def leaderboard(self) -> str:
        """What the intervals of the leaderboard depend on."""
        return some_of(self._config.report, "bootstrap")

    def experiments(self, wildcards: Wildcards) -> list[str]:
        """Return the folders of a dataset's experiments."""
        return [run.experiment for run in self._study.runs_of(wildcards.dataset)]

    def baselines(self, wildcards: Wildcards) -> list[str]:
        """Return those of them that are classical baselines."""
        kind = self._study.kind
        return [name for name in self.experiments(wildcards) if kind(name) == "classical"]

    @functools.cached_property
    def report(self) -> str:
        """A digest of what the report shows."""
        return text_digest(self.report_contents)

    @functools.cached_property
    def report_contents(self) -> str:
        """What the report shows (`septum.workflow.report_contents`)."""
        contents = ReportContents(
            report=self._config.report,
            evaluate=self._config.evaluate,
            datasets=[self._reported_dataset(name) for name in self._study.scored_datasets()],
        )
        return report_json(contents)

    def _reported_dataset(self, dataset: str) -> ReportedDataset:
        study = self._study
        return ReportedDataset(
            name=study.datasets[dataset],
            folder=dataset,
            batches=list(study.batches[dataset]),
            normalisation=study.spec(dataset).normalisation,
            weights=study.section(dataset, "weights"),
            experiments={
                run.experiment: self._reported_experiment(run) for run in study.runs_of(dataset)
            },
        )

    def _reported_experiment(self, run: RunKey) -> ReportedExperiment:
        study, kind = self._study, self._study.kind(run.experiment)
        return ReportedExperiment(
            name=study.experiments[run.experiment],
            folds=study.folds(*run),
            run=study.settings(*run) if kind == "network" else None,
            baseline=study.baseline(*run) if kind == "classical" else None,
        )


def some_of(section: Section, keys: str) -> str:
    """Return the named keys of a section as one canonical JSON string."""
    plain: dict[str, Any] = section.model_dump(mode="json")
    return canonical_json({key: plain[key] for key in keys.split()})
