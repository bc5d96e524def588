"""The record of a plan: its folds, and its file."""

from __future__ import annotations

import json

import pytest

from septum.config.schema import ClassSpec, StandardScaling, Weights
from septum.data.plan import Plan, PlannedWeights, read_plan
from septum.errors import SeptumError

PLAN = Plan(
    dataset="cells",
    spatial_dims=2,
    in_channels=1,
    spacing=(1.0, 0.5),
    unit="micrometer",
    annotation="instance",
    classes={1: ClassSpec(name="cell")},
    normalisation=StandardScaling(),
    patch=(64, 96),
    weights=PlannedWeights(sigma=2.0, class_weights={"0": 0.75, "1": 1.5}),
    min_size=7,
    fingerprint={"cases": 6},
    test=["e"],
    folds=[["b", "a"], ["c"]],
    train=["d"],
    unlabelled=["f"],
    derived={"sigma": "a tenth of an object", "class_weights": "by share"},
)


def test_cases_of_a_fold():
    assert PLAN.train_cases(0) == ["c", "d"]
    assert PLAN.val_cases(0) == ["a", "b"]
    assert PLAN.train_cases(1) == ["a", "b", "d"]
    with pytest.raises(SeptumError, match="asks for fold 2, but cells has 2 folds"):
        PLAN.val_cases(2)


def test_settings_of_the_weight_maps():
    of_paper = PLAN.with_weights(Weights(mode="paper", w0=4.0, sigma=3.0, class_balance=False))
    assert of_paper.weights == PlannedWeights(sigma=3.0, class_weights={"0": 1.0, "1": 1.0})
    assert of_paper.derived == {"sigma": "as configured", "class_weights": "class_balance is off"}
    assert PLAN.with_weights(Weights()).derived == PLAN.derived


def test_the_file(tmp_path):
    path = tmp_path / "plan.json"
    plain = PLAN.to_json()
    assert (plain["format_version"], plain["spacing"], plain["patch"]) == (1, [1.0, 0.5], [64, 96])
    assert plain["weights"] == {"sigma": 2.0, "class_weights": {"0": 0.75, "1": 1.5}}
    assert plain["normalisation"] == {"scheme": "zscore"}
    path.write_text(json.dumps(plain))
    assert read_plan(path) == PLAN
    # plans of the first version did not say which they are
    del plain["format_version"]
    path.write_text(json.dumps(plain))
    assert read_plan(path) == PLAN


def test_a_newer_plan(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({**PLAN.to_json(), "format_version": 2}))
    with pytest.raises(SeptumError) as error:
        read_plan(path)
    (problem,) = error.value.problems
    assert problem.what == "has format 2, but this Septum reads formats up to 1"
    assert problem.remedy == "update Septum to the version that wrote it"


def test_an_older_plan_that_lacks_something(tmp_path):
    path = tmp_path / "plan.json"
    plain = PLAN.to_json()
    del plain["format_version"], plain["diameters"]
    path.write_text(json.dumps(plain))
    with pytest.raises(SeptumError) as error:
        read_plan(path)
    (problem,) = error.value.problems
    assert problem.what == "is no plan that this version of Septum reads (it lacks 'diameters')"
    assert problem.remedy == "delete it and run again"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        ("", "is no plan"),
        ("[1, 2]", "is no plan"),
        ('{"format_version": "2"}', "is no plan"),
        ('{"dataset": "x"}', "is no plan that this version of Septum reads .it lacks 'spatial_"),
    ],
)
def test_reading_what_is_no_plan(tmp_path, content, message):
    path = tmp_path / "plan.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SeptumError, match=message) as error:
        read_plan(path)
    assert error.value.problems[0].where == str(path)
