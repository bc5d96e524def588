"""The contents of the report: the results that it shows, and their configuration."""

from __future__ import annotations

from typing import Literal

from septum.config.schema import (
    Baseline,
    Evaluate,
    Normalisation,
    Report,
    Run,
    Section,
    Weights,
    canonical_json,
)


class ReportedExperiment(Section):
    """An experiment on one dataset.

    Attributes
    ----------
    name
        Name of the experiment in the configuration.
    folds
        Folds that were trained or tuned.
    run
        The settings of a network.
    baseline
        The settings of a classical baseline. A merge of two experiments has neither.
    """

    name: str
    folds: list[int]
    run: Run | None = None
    baseline: Baseline | None = None

    @property
    def kind(self) -> Literal["network", "classical", "merged"]:
        """The kind of experiment."""
        if self.run is not None:
            return "network"
        return "merged" if self.baseline is None else "classical"


class ReportedDataset(Section):
    """A dataset.

    Attributes
    ----------
    name
        Name of the dataset in the configuration.
    folder
        Its folder in the folder of results.
    batches
        Names of the folders of its cases.
    normalisation, weights
        Its sections of the configuration.
    experiments
        The experiments on the dataset, by the names of their folders.
    """

    name: str
    folder: str
    batches: list[str]
    normalisation: Normalisation = Normalisation()
    weights: Weights = Weights()
    experiments: dict[str, ReportedExperiment]


class ReportContents(Section):
    """The contents and settings of the report, in a file for ``septum report``."""

    version: Literal[1] = 1
    report: Report = Report()
    evaluate: Evaluate = Evaluate()
    datasets: list[ReportedDataset]


def report_json(contents: ReportContents) -> str:
    """Return the contents as canonical JSON, without values that are at their default."""
    plain = contents.model_dump(mode="json", exclude_defaults=True)
    return canonical_json({"version": contents.version, **plain})
