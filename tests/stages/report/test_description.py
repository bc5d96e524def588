"""What the data and the networks are, as rows of text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_results import FINGERPRINT, make_plan

from septum.classical.fitted import Fitted
from septum.config.schema import ClassSpec
from septum.stages.leaderboard.scores import Scores
from septum.stages.report.description import data_rows, network_row
from septum.stages.report.inputs import Experiment, ShownModel

PLAN = make_plan("cells", 2, "instance", {1: ClassSpec(name="nucleus")}, {})


def test_the_data_in_rows():
    split = {"test": ["a"], "folds": [["b"], ["c", "d"]], "train": ["e"], "unlabelled": ["f", "g"]}
    plan = replace(PLAN, spacing=(0.5, 0.25), unit="micrometer", **split)
    assert data_rows(plan) == [
        ("Cases", "5, of them 4 annotated"),
        (
            "Split",
            "1 test; 2 folds of 1, 2 validation cases; 1 in training only; 2 without labels",
        ),
        ("Annotation", "instance: nucleus (thing)"),
        ("Size", "40 × 48 px"),
        ("Pixel size", "0.5 × 0.25 µm"),
        ("Channels", "1, uint8"),
        ("Foreground", "20.0% of annotated pixels"),
        ("Objects", "12; 0 to 4 a case"),
        ("Diameter", "10 px (5 to 95 %: 8 to 12)"),
        ("Touching another", "50% of objects"),
        ("Without any object", "1 annotated cases"),
    ]


def test_sizes_that_differ_have_a_range():
    size = {"min": [8, 8], "median": [16, 20], "max": [32, 32]}
    rows = dict(data_rows(replace(PLAN, fingerprint={**FINGERPRINT, "size": size})))
    assert rows["Size"] == "16 × 20 px (from 8 × 8 to 32 × 32)"


def test_images_without_objects_say_nothing_of_them():
    rows = dict(data_rows(replace(PLAN, fingerprint={**FINGERPRINT, "objects": None})))
    assert not {"Objects", "Diameter", "Touching another"} & rows.keys()


def network(histories, **options):
    model = ShownModel("unet", "border", options, {}, {}, (32, 32), 7_762_465)
    scores = Scores("net", [], [])
    return Experiment("net", "net", scores, histories, dict.fromkeys(histories or [0], model), {})


def test_a_network_in_a_row():
    epochs = [
        {"val_iou": 0.5, "seconds": 30.0, "images_per_second": 20.0},
        {"val_iou": 0.75, "seconds": 60.0, "images_per_second": 22.0},
        {"val_iou": 0.625, "seconds": 30.0, "images_per_second": 24.0},
    ]
    experiment = network({0: epochs, 1: epochs[:1]}, width=8, ratios=[1.0, 2.0], dropout=None)
    assert network_row(experiment) == [
        "unet (width 8, ratios [1, 2])",
        "border",
        "7,762,465",
        "2 × 3",
        "0.750, 0.500",
        "2.5 min",
        "22",
    ]


def test_what_is_not_known_of_a_training_is_a_dash():
    assert network_row(network({})) == ["unet", "border", "7,762,465", *"––––"]


@pytest.mark.parametrize("method", ["watershed", "cpmc"])
def test_a_baseline_is_named(method):
    record = Fitted(
        method=method,
        parameters={},
        score=None,
        spatial_dims=2,
        in_channels=1,
        annotation="instance",
        classes={1: ClassSpec(name="nucleus")},
        spacing=(1.0, 1.0),
        unit="pixel",
    )
    floor = Experiment("f", "f", Scores("f", [], []), {}, {}, {}, record=record)
    assert network_row(floor) == [method, "classical", *"–––––"]
