"""The settings of the rules, one function for each rule.

Snakemake compares the parameters of a job with those of its last run as a set of values without
names. Each section is therefore passed as one canonical JSON string, in which a swap of two
values is detected and a reordering is ignored. Functions return all settings that the results of
a rule depend on, and no others, whose change would rerun the rule.
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
        """Return the name of the dataset in the configuration."""
        return self._study.datasets[wildcards.dataset]

    def experiment(self, wildcards: Wildcards) -> str:
        """Return the name of the experiment in the configuration."""
        return self._study.experiments[wildcards.experiment]

    # ---- demo and prepare ----

    def demo_kind(self, wildcards: Wildcards) -> str | None:
        """Return the kind of simulated dataset."""
        return self._study.spec(wildcards.dataset).demo

    def prepare(self, wildcards: Wildcards) -> str:
        """Return the settings that reading a case depends on."""
        keys = "reader annotation classes void labels instances segments spacing"
        return some_of(self._study.spec(wildcards.dataset), keys)

    def batch(self, wildcards: Wildcards) -> str:
        """Return a digest of a batch's list of cases and of files that Snakemake cannot watch."""
        cases = self._study.batches[wildcards.dataset][wildcards.batch]
        made_by_a_rule = self._study.spec(wildcards.dataset).demo is not None
        unwatched = unwatched_digest([] if made_by_a_rule else cases)
        return f"{text_digest(batch_list_text(cases))}-{unwatched}"

    # ---- plan, augment and weights ----

    def plan(self, wildcards: Wildcards) -> str:
        """Return the settings that derived values and the split depend on."""
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
        """Return the settings of one training, which do not include the list of all folds."""
        settings = self._study.settings(wildcards.dataset, wildcards.experiment)
        plain = settings.model_dump(mode="json")
        for after_training in ("predict", "decode"):
            del plain[after_training]
        del plain["train"]["folds"]
        return canonical_json(plain)

    def tune(self, wildcards: Wildcards) -> str:
        """Return the settings of inference and of the decoder, which tuning depends on."""
        settings = self._study.settings(wildcards.dataset, wildcards.experiment)
        return canonical_json(Tune(predict=settings.predict, decode=settings.decode))

    def train_seed(self, wildcards: Wildcards) -> int:
        """Return the seed of an experiment's trainings, by default that of the configuration."""
        return self._config.train_seed(self.experiment(wildcards))

    def predict(self, wildcards: Wildcards) -> str:
        """Return the settings of inference on whole images."""
        return canonical_json(self._study.settings(wildcards.dataset, wildcards.experiment).predict)

    # ---- classical baselines and merges ----

    def fit(self, wildcards: Wildcards) -> str:
        """Return the settings of a classical baseline."""
        return canonical_json(self._study.baseline(wildcards.dataset, wildcards.experiment))

    def tune_merge(self, wildcards: Wildcards) -> str:
        """Return the names of the two experiments of a merge."""
        return canonical_json(self._study.merge(wildcards.experiment))

    # ---- export, evaluate, leaderboard and report ----

    def export(self, wildcards: Wildcards) -> str:
        """Return the formats that are exported beside the label maps."""
        return canonical_json(self._study.section(wildcards.dataset, "export"))

    @functools.cached_property
    def evaluate(self) -> str:
        """The settings of the evaluation."""
        return canonical_json(self._config.evaluate)

    @functools.cached_property
    def leaderboard(self) -> str:
        """The settings that the intervals of the leaderboard depend on."""
        return some_of(self._config.report, "bootstrap")

    def experiments(self, wildcards: Wildcards) -> list[str]:
        """Return the folders of a dataset's experiments."""
        return [run.experiment for run in self._study.runs_of(wildcards.dataset)]

    def baselines(self, wildcards: Wildcards) -> list[str]:
        """Return the folders of a dataset's experiments that are classical baselines."""
        kind = self._study.kind
        return [name for name in self.experiments(wildcards) if kind(name) == "classical"]

    @functools.cached_property
    def report(self) -> str:
        """A digest of the contents of the report."""
        return text_digest(self.report_contents)

    @functools.cached_property
    def report_contents(self) -> str:
        """The contents of the report as JSON (`septum.workflow.report_contents`)."""
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
