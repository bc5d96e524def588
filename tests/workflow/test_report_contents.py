"""What the report is told survives its way as JSON."""

from __future__ import annotations

import pytest

from septum.config.schema import Baseline, Decode, Normalisation, Report, Run, Train, Weights
from septum.workflow.report_contents import (
    ReportContents,
    ReportedDataset,
    ReportedExperiment,
    report_json,
)

OF = {"dataset": "cells", "experiment": "net"}
RUN = Run(
    **OF,
    network="mask_rcnn",
    options={"anchor_sizes": [8.0, 16.0]},
    head="detection",
    train=Train(patch=[48, 48]),
    decode=Decode(min_size=20),
)
CONTENTS = ReportContents(
    report=Report(title="Nuclei"),
    datasets=[
        ReportedDataset(
            name="cells",
            folder="cells",
            batches=["1of1"],
            normalisation=Normalisation(scheme="zscore"),
            weights=Weights(sigma=3.5),
            experiments={"net": ReportedExperiment(name="net", folds=[0, 1], run=RUN)},
        )
    ],
)


def test_contents_come_back_as_they_were():
    assert ReportContents.model_validate_json(report_json(CONTENTS)) == CONTENTS


def test_what_is_at_its_default_is_left_out():
    assert report_json(CONTENTS) == (
        '{"datasets":[{"batches":["1of1"],"experiments":{"net":{"folds":[0,1],"name":"net",'
        '"run":{"dataset":"cells","decode":{"min_size":20},"experiment":"net","head":"detection",'
        '"network":"mask_rcnn","options":{"anchor_sizes":[8.0,16.0]},"train":{"patch":[48,48]}}}},'
        '"folder":"cells","name":"cells","normalisation":{"scheme":"zscore"},'
        '"weights":{"sigma":3.5}}],"report":{"title":"Nuclei"},"version":1}'
    )


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"run": RUN}, "network"),
        ({"baseline": Baseline(**OF, method="watershed")}, "classical"),
        ({}, "merged"),
    ],
)
def test_an_experiment_is_of_the_kind_of_its_settings(settings, kind):
    assert ReportedExperiment(name="net", folds=[0], **settings).kind == kind
