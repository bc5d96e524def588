"""Two experiments as one panoptic result: the merge, its limits, and what it is made of."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from septum.classical.fitted import read_record
from septum.cli import main
from septum.config.schema import ClassSpec, Merge, NoScaling
from septum.data.plan import Plan, PlannedWeights
from septum.data.store import (
    Case,
    Geometry,
    case_path,
    read_prediction,
    write_case,
    write_prediction,
)
from septum.data.store_attributes import IntensityStatistics, PredictionAttributes
from septum.errors import SeptumError
from septum.io.atomic import write_json
from septum.io.usage import PredictionCosts, TrainingCosts, read_costs, write_costs
from septum.stages.merge.stage import Merged, merge_batch

CLASSES = {
    2: ClassSpec(name="axon"),
    5: ClassSpec(name="myelin", kind="stuff"),
    7: ClassSpec(name="vessel", kind="stuff"),
    9: ClassSpec(name="nucleus"),
}
NAMES = ("val a", "val b", "test")
SPACE = Geometry(spacing=(1.0, 1.0))


def quality_by_hand(true, pred, things):
    """PQ, mean over classes, by loops over segments: an independent formula."""

    def segments(semantic, instance):
        codes = {
            (c, i if c in things else 0) for c, i in zip(semantic.flat, instance.flat, strict=True)
        }
        return {
            (c, i): (semantic == c) & ((instance == i) if c in things else True)
            for c, i in codes
            if c and (c not in things or i)
        }

    a, b = segments(*true), segments(*pred)
    qualities = []
    for c in sorted({c for c, _ in [*a, *b]}):
        ours = [m for (k, _), m in a.items() if k == c]
        theirs = [m for (k, _), m in b.items() if k == c]
        ious = [(x & y).sum() / (x | y).sum() for x in ours for y in theirs]
        matches = [iou for iou in ious if iou > 0.5]
        qualities.append(sum(matches) / (0.5 * (len(ours) + len(theirs))))
    return float(np.mean(qualities))


@pytest.fixture
def results(tmp_path):
    """Two experiments that predicted three cases: a spurious object, and specks of stuff."""
    rng = np.random.default_rng(0)
    folders = {name: tmp_path / name / "1of1" for name in ("cases", "objects", "pixels")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    for name in NAMES:
        semantic = np.zeros((40, 40), np.uint16)
        semantic[20:, :] = 5
        semantic[4:12, 4:12] = 2
        semantic[24:36, 24:36] = 2
        instance = np.zeros((40, 40), np.uint32)
        instance[4:12, 4:12], instance[24:36, 24:36] = 1, 2
        image = rng.random((1, 40, 40), np.float32)
        case = Case(
            name, image, semantic, instance, SPACE, statistics=IntensityStatistics({}, [], [])
        )
        write_case(case_path(folders["cases"], name), case)
        found = instance.copy()
        found[14:18, 30:36] = 3
        attributes = PredictionAttributes(
            annotation="panoptic", decoder={}, tile=(8, 8), subset=name[:4].strip(), fold="0"
        )
        write_prediction(
            case_path(folders["objects"], name),
            semantic=np.where(found > 0, 2, 0),
            instance=found,
            geometry=SPACE,
            name=name,
            scores=[0.9, 0.8, 0.55],
            attributes=replace(attributes, models=("one",)),
        )
        pixels = np.where(semantic == 2, 5, semantic)
        pixels[0:3, 20:23] = 7
        write_prediction(
            case_path(folders["pixels"], name),
            semantic=pixels,
            instance=None,
            geometry=SPACE,
            name=name,
            attributes=replace(attributes, models=("two",)),
        )
    plan = Plan(
        **{"dataset": "nerve", "spatial_dims": 2, "in_channels": 1, "spacing": (1.0, 1.0)},
        **{
            "unit": "pixel",
            "annotation": "panoptic",
            "classes": CLASSES,
            "normalisation": NoScaling(),
        },
        **{
            "patch": (32, 32),
            "weights": PlannedWeights(5.0, {}),
            "min_size": 4,
            "fingerprint": {},
            "derived": {},
        },
        **{"test": ["test"], "folds": [["val a", "val b"], []], "train": [], "unlabelled": []},
    )
    write_json(tmp_path / "plan.json", plan.to_json())
    for name, seconds, parameters in (("objects", 10.0, 1000), ("pixels", 4.0, 200)):
        costs = TrainingCosts(
            device="cpu", threads=1, peak_memory_mb=1.0, training_s=seconds, parameters=parameters
        )
        write_costs(tmp_path / name / "costs.json", costs)
        cases = [
            {"case": c, "pixels": 1600, "seconds": seconds} for c in ("val a", "val b", "test")
        ]
        took = PredictionCosts(device="cpu", threads=1, peak_memory_mb=9e6, cases=cases)
        write_costs(tmp_path / name / "1of1.json", took)
    return tmp_path


def tune(folder, *more):
    merge = Merge(instances="objects", semantic="pixels")
    return main(
        [
            *("tune-merge", "--settings", merge.model_dump_json(), "--experiment", "both"),
            *("--instances", str(folder / "objects/1of1")),
            *("--semantic", str(folder / "pixels/1of1")),
            *("--cases", str(folder / "cases/1of1"), "--plan", str(folder / "plan.json")),
            *("--earlier", str(folder / "objects/costs.json"), str(folder / "pixels/costs.json")),
            *("--out", str(folder / "both/fold0/parameters.json"), *more),
        ]
    )


def merge(folder):
    merge_batch(
        parameters=[folder / "both/fold0/parameters.json"],
        instances=folder / "objects/1of1",
        semantic=folder / "pixels/1of1",
        earlier=[folder / "objects/1of1.json", folder / "pixels/1of1.json"],
        out=folder / "both/predicted/1of1",
        costs=folder / "both/costs/1of1.json",
    )


def test_limits_are_tuned_on_validation_and_used_on_all(results):
    (results / "both/fold0").mkdir(parents=True)
    (results / "both/predicted").mkdir()
    (results / "both/costs").mkdir()
    assert tune(results) == 0
    record = read_record(results / "both/fold0/parameters.json", Merged)
    assert record.merge == Merge(instances="objects", semantic="pixels")
    assert 0.55 < record.parameters["threshold"] <= 0.8  # above the spurious object
    assert record.parameters["min_stuff"] == 32  # the first of 0, 8, 32, 128 above 9 pixels
    assert record.score == 1.0
    assert record.fitted == {"dataset": "nerve", "experiment": "both", "fold": 0}
    costs = read_costs(results / "both/fold0/costs.json", TrainingCosts)
    assert costs.parameters == 1200
    assert 14 <= costs.training_s < 60
    merge(results)
    for name in ("val a", "test"):
        made = read_prediction(case_path(results / "both/predicted/1of1", name))
        true = read_prediction(case_path(results / "pixels/1of1", name)).semantic
        true = np.where(true == 7, 0, true)
        true[4:12, 4:12] = true[24:36, 24:36] = 2
        np.testing.assert_array_equal(made.semantic, true)
        assert sorted(np.unique(made.instance)) == [0, 1, 2]
        assert made.scores == [0.9, 0.8]
        assert made.attributes.models == ("one", "two")
        assert made.attributes.merge == {"instances": "objects", "semantic": "pixels"}
        assert (made.attributes.subset, made.attributes.fold) == (name[:4].strip(), "0")
        assert not {"decoder", "tile"} & made.attributes.to_json().keys()
    took = read_costs(results / "both/costs/1of1.json", PredictionCosts)
    assert {case.case for case in took.cases} == {"val a", "val b", "test"}
    assert all(14 <= case.seconds < 60 and case.models == 2 for case in took.cases)
    assert took.peak_memory_mb == 9e6


def test_the_score_is_the_mean_quality_by_hand(results):
    (results / "both/fold0").mkdir(parents=True)
    # the true map has a class that nobody finds
    path = case_path(results / "cases/1of1", "val b")
    semantic = np.zeros((40, 40), np.uint16)
    semantic[20:, :], semantic[4:12, 4:12], semantic[24:36, 24:36] = 5, 2, 2
    semantic[0:2, 0:2] = 7
    instance = np.zeros((40, 40), np.uint32)
    instance[4:12, 4:12], instance[24:36, 24:36] = 1, 2
    image = np.zeros((1, 40, 40), np.float32)
    write_case(
        path,
        Case("val b", image, semantic, instance, SPACE, statistics=IntensityStatistics({}, [], [])),
    )
    assert tune(results) == 0
    record = read_record(results / "both/fold0/parameters.json", Merged)
    pred = np.where(semantic == 7, 0, semantic), instance
    by_hand = quality_by_hand((semantic, instance), pred, {2, 9})
    assert by_hand == pytest.approx(2 / 3)
    assert record.score == pytest.approx((1 + by_hand) / 2)


def test_a_case_that_one_of_the_two_did_not_predict_is_named(results, capsys):
    import shutil

    (results / "both/fold0").mkdir(parents=True)
    shutil.rmtree(case_path(results / "pixels/1of1", "val b"))
    assert tune(results) == 1
    error = capsys.readouterr().err
    assert "val b: is a validation case of fold 0 that its models did not predict" in error
    assert not (results / "both/fold0/parameters.json").exists()


def test_predictions_of_different_folds_are_not_merged(results):
    (results / "both/fold0").mkdir(parents=True)
    assert tune(results) == 0
    path = case_path(results / "pixels/1of1", "test")
    other = read_prediction(path)
    write_prediction(
        path,
        semantic=other.semantic,
        instance=None,
        geometry=SPACE,
        name="test",
        attributes=replace(other.attributes, fold="ensemble"),
    )
    with pytest.raises(SeptumError, match="test: is predicted by fold 0 in one experiment, and by"):
        merge(results)
    assert not (results / "both/predicted/1of1").exists()


def test_new_images_are_not_predicted_by_a_merge(results, capsys):
    tune(results)
    path, out = results / "both/fold0/parameters.json", results / "new"
    image = results / "x.png"
    assert main(["predict", str(image), "--model", str(path), "--out", str(out)]) == 1
    said = capsys.readouterr().err
    assert f"{path}: is of a merge, which looks at no image itself" in said
    assert "-> give the models of the two, or name the images in `unlabelled`" in said
    assert not out.exists()


def test_a_record_of_something_else_is_no_merge(tmp_path):
    path = tmp_path / "parameters.json"
    path.write_text(json.dumps({"method": "watershed"}))
    with pytest.raises(SeptumError, match="holds no parameters of a merge"):
        read_record(path, Merged)
