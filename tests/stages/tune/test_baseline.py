"""Tuning a classical baseline, on a small project."""

from __future__ import annotations

import json
import time

import pytest
from small_baselines import OPTIONS, fit_fold, make_plan, write_batch

from septum.config.schema import ClassSpec
from septum.errors import SeptumError
from septum.io.usage import TrainingCosts, read_costs


@pytest.fixture
def project(tmp_path):
    """Write a batch of five cases."""
    write_batch(tmp_path)
    return tmp_path


def test_the_file_says_everything(project):
    found = json.loads(fit_fold(project, 0).read_text())
    assert found["method"] == "watershed"
    assert found["parameters"]["polarity"] == "dark"
    assert found["parameters"] | OPTIONS == found["parameters"]
    assert found["score"] == 1.0
    assert found["classes"] == {"4": {"name": "square", "kind": "thing", "colour": None}}
    assert (found["annotation"], found["spatial_dims"], found["in_channels"]) == ("instance", 2, 1)
    assert found["digests"]["code"] == "abc"
    assert len(found["digests"]["data"]) == 16
    assert found["fitted"] == {
        "dataset": "squares",
        "experiment": "floor",
        "fold": 0,
        "cases": 1,
        "pixels": 32 * 40,
    }


def test_the_same_data_give_the_same_bytes_and_other_data_another_digest(project):
    first = fit_fold(project, 0).read_bytes()
    assert fit_fold(project, 0).read_bytes() == first
    other = json.loads(fit_fold(project, 1).read_text())
    assert other["digests"]["data"] != json.loads(first)["digests"]["data"]


def test_several_classes_are_refused(project):
    classes = {1: ClassSpec(name="axon"), 2: ClassSpec(name="myelin", kind="stuff")}
    plan = make_plan(annotation="panoptic", classes=classes)
    with pytest.raises(SeptumError, match=r"knows no classes, but squares has several \(axon, my"):
        fit_fold(project, 0, plan=plan)
    assert not (project / "fold0").exists()
    plan = make_plan(annotation="panoptic", classes={2: ClassSpec(name="myelin", kind="stuff")})
    with pytest.raises(SeptumError, match="the only class of squares is stuff"):
        fit_fold(project, 0, plan=plan)


def test_what_cannot_be_fitted(project):
    with pytest.raises(SeptumError, match=r"cpmc is not defined for 3-D images \(squares\)"):
        fit_fold(project, 0, method="cpmc", options={}, plan=make_plan(spatial_dims=3))
    with pytest.raises(SeptumError, match=r"experiments\.floor\.options\.sgima"):
        fit_fold(project, 0, options={"sgima": 1})
    with pytest.raises(SeptumError, match="no classical method 'waterhsed'"):
        fit_fold(project, 0, method="waterhsed")
    with pytest.raises(SeptumError, match="lost: is in the plan but not among"):
        fit_fold(project, 0, plan=make_plan(folds=[["first", "lost"]]))
    with pytest.raises(SeptumError, match="has no case to validate on"):
        fit_fold(project, 0, plan=make_plan(folds=[[]]))
    assert not (project / "fold0").exists()


def test_tuning_writes_down_what_it_took(project):
    start = time.monotonic()
    model = fit_fold(project, 0)
    took = time.monotonic() - start
    costs = read_costs(model.parent / "costs.json", TrainingCosts)
    assert 0 < costs.training_s < took
    assert (costs.parameters, costs.threads) == (None, 1)
