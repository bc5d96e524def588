"""What the report is told: which results it shows, and what the configuration said of them."""

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
        What the configuration calls it.
    folds
        Those that were trained or tuned.
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
        """What it is, in one word."""
        if self.run is not None:
            return "network"
        return "merged" if self.baseline is None else "classical"


class ReportedDataset(Section):
    """A dataset.

    Attributes
    ----------
    name
        What the configuration calls it.
    folder
        Its folder in the folder of results.
    batches
        Names of the folders of its cases.
    normalisation, weights
        Its sections of the configuration.
    experiments
        By the name of their folder.
    """

    name: str
    folder: str
    batches: list[str]
    normalisation: Normalisation = Normalisation()
    weights: Weights = Weights()
    experiments: dict[str, ReportedExperiment]


class ReportContents(Section):
    """All that the report shows, and how; a file for ``septum report``."""

    version: Literal[1] = 1
    report: Report = Report()
    evaluate: Evaluate = Evaluate()
    datasets: list[ReportedDataset]


def report_json(contents: ReportContents) -> str:
    """Return the contents as canonical JSON, short: what is at its default is left out."""
    plain = contents.model_dump(mode="json", exclude_defaults=True)
    return canonical_json({"version": contents.version, **plain})
