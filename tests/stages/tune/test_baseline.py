"""The stages of a classical baseline, on a small project."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import replace

import numpy as np
import pytest
import tifffile

from septum import cli
from septum.classical.fitted import Fitted, common_baseline, read_fitted
from septum.config.schema import Baseline, ClassSpec, NoScaling
from septum.data.plan import Plan, PlannedWeights
from septum.data.store import Case, Geometry, case_path, case_paths, read_prediction, write_case
from septum.data.store_attributes import IntensityStatistics
from septum.errors import SeptumError
from septum.io.atomic import write_json
from septum.io.usage import PredictionCosts, TrainingCosts, read_costs
from septum.stages.predict.classical import predict_batch
from septum.stages.tune.baseline import fit

OPTIONS = {"sigma": 0.0, "window": 0.0, "h": 0.0, "level": 0.5}
NAMES = ["first", "second", "tést <1>", "training", "new"]


def scene(seed, ndim=2):
    """Dark squares (cubes) on a bright background; the image and its labels."""
    random = np.random.default_rng(seed)
    shape = (32, 40) if ndim == 2 else (8, 16, 20)
    labels = np.zeros(shape, int)
    for number in range(1, 4):
        corner = [random.integers(1, n - 6) for n in shape]
        block = tuple(slice(c, c + 5) for c in corner)
        if not labels[tuple(slice(max(0, c - 1), c + 6) for c in corner)].any():
            labels[block] = number
    return np.where(labels > 0, 30, 200).astype(np.uint8)[None], labels


def make_plan(**changes):
    plan = Plan(
        dataset="squares",
        spatial_dims=2,
        in_channels=1,
        spacing=(1.0, 1.0),
        unit="pixel",
        annotation="instance",
        classes={4: ClassSpec(name="square")},
        normalisation=NoScaling(),
        patch=(16, 16),
        weights=PlannedWeights(sigma=5.0, class_weights={}),
        min_size=9,
        fingerprint={},
        test=["tést <1>"],
        folds=[["first"], ["second"], ["training"]],
        train=[],
        unlabelled=["new"],
        derived={},
    )
    return replace(plan, **changes)


@pytest.fixture
def project(tmp_path):
    """Write a batch of five cases."""
    for seed, name in enumerate(NAMES):
        image, labels = scene(seed)
        case = Case(
            name=name,
            image=image,
            semantic=None if name == "new" else np.where(labels > 0, 4, 0),
            instance=None if name == "new" else labels,
            geometry=Geometry((1.0, 1.0), source={"reader": "tiff", "path": f"{name}.tif"}),
            statistics=IntensityStatistics({}, [], []),
        )
        write_case(case_path(tmp_path / "cases", name), case)
    return tmp_path


def fit_fold(project, fold, *, method="watershed", options=OPTIONS, plan=None):
    out = project / f"fold{fold}" / "parameters.json"
    fit(
        baseline=Baseline(dataset="squares", experiment="floor", method=method, options=options),
        plan=plan or make_plan(),
        cases=[project / "cases"],
        fold=fold,
        out=out,
        digests={"code": "abc"},
    )
    return out


def predict(project, parameters, plan=None):
    write_json(project / "plan.json", (plan or make_plan()).to_json())
    predict_batch(
        parameters=parameters,
        cases=project / "cases",
        plan=project / "plan.json",
        out=project / "predicted",
    )
    paths = case_paths([project / "predicted"])
    return {name: read_prediction(path) for name, path in paths.items()}


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


def test_a_batch_is_predicted_as_by_networks(project):
    files = [fit_fold(project, fold) for fold in (0, 1)]
    found = predict(project, files)
    assert {name: (p.attributes.subset, p.attributes.fold) for name, p in found.items()} == {
        "first": ("val", "0"),
        "second": ("val", "1"),
        "tést <1>": ("test", "ensemble"),
        "new": ("unlabelled", "ensemble"),
    }
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    assert found["second"].attributes.models == tuple(digests[1:])
    assert found["new"].attributes.models == tuple(digests)
    for seed, name in enumerate(NAMES):
        if name != "training":
            _, labels = scene(seed)
            np.testing.assert_array_equal(found[name].instance > 0, labels > 0)
            np.testing.assert_array_equal(found[name].semantic, np.where(labels > 0, 4, 0))
            assert found[name].geometry.source["path"] == f"{name}.tif"
    attributes = found["first"].attributes
    assert (attributes.annotation, attributes.classes) == ("instance", {4: "square"})
    assert (attributes.method, attributes.parameters["polarity"]) == ("watershed", "dark")


def test_a_validation_case_gets_the_parameters_of_its_fold(project):
    files = [
        fit_fold(project, fold, options={**OPTIONS, "level": level})
        for fold, level in ((0, 0.6), (1, 0.4))
    ]
    found = predict(project, files)
    levels = {name: p.attributes.parameters["level"] for name, p in found.items()}
    assert (levels["first"], levels["second"]) == (0.6, 0.4)
    assert levels["new"] == levels["tést <1>"] == 0.6  # equal scores: the first


def test_one_fold_alone_predicts_the_test_cases(project):
    found = predict(project, [fit_fold(project, 1)])
    assert {name: p.attributes.fold for name, p in found.items()} == dict.fromkeys(
        ("second", "tést <1>", "new"), "1"
    )


def test_semantic_annotation_gives_the_foreground(project):
    plan = make_plan(annotation="semantic", classes={4: ClassSpec(name="tissue", kind="stuff")})
    found = predict(project, [fit_fold(project, 0, plan=plan)], plan)
    assert found["first"].instance is None
    np.testing.assert_array_equal(found["first"].semantic, np.where(scene(0)[1] > 0, 4, 0))


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


def test_files_must_go_together(project):
    first, second = fit_fold(project, 0), fit_fold(project, 1)
    with pytest.raises(SeptumError, match="is of fold 0, and so is"):
        predict(project, [first, first])
    record = json.loads(second.read_text())
    second.write_text(json.dumps({**record, "in_channels": 3}))
    with pytest.raises(SeptumError, match="they differ in in_channels"):
        predict(project, [first, second])
    with pytest.raises(SeptumError, match="has 1 channels, but the model takes 3"):
        predict(project, [second])
    assert not (project / "predicted").exists()


def test_damaged_files(tmp_path):
    path = tmp_path / "parameters.json"
    with pytest.raises(SeptumError, match="does not exist"):
        read_fitted(path)
    path.write_text("{")
    with pytest.raises(SeptumError, match="holds no parameters of a baseline"):
        read_fitted(path)
    record = json.loads(baseline({}).model_dump_json())
    path.write_text(json.dumps({**record, "format_version": 2}))
    with pytest.raises(SeptumError, match="has format 2, but this Septum reads 1"):
        read_fitted(path)
    path.write_text(json.dumps({**record, "parameters": {"h": "high"}}))
    with pytest.raises(SeptumError, match=r"parameters\.json\.h"):
        read_fitted(path)
    path.write_text(json.dumps(record))
    assert read_fitted(path) == baseline({})


def baseline(parameters, score=0.5):
    return Fitted(
        method="watershed",
        parameters=parameters,
        score=score,
        spatial_dims=2,
        in_channels=1,
        annotation="instance",
        classes={1: ClassSpec(name="cell")},
        spacing=(1.0, 1.0),
        unit="pixel",
    )


def test_the_baseline_of_all_folds_is_the_one_most_like_the_others():
    one = baseline({"sigma": 1.0, "h": 2.0, "level": 0.5}, score=0.9)
    two = baseline({"sigma": 2.0, "h": 1.0, "level": 0.4}, score=0.6)
    three = baseline({"sigma": 2.0, "h": 2.0, "level": 0.4}, score=0.5)
    assert common_baseline([one, two, three]) is three
    # nothing shared: the better score
    assert common_baseline([one, two]) is one
    assert common_baseline([two, one]) is one
    same = baseline(one.parameters, score=0.9)
    assert common_baseline([same, one]) is same


def segment(project, images, models):
    command = ["predict", *images, "--model", *models, "--out", project / "out"]
    return cli.main([str(argument) for argument in command])


def test_new_images_are_segmented_in_their_own_format(project):
    image, labels = scene(7)
    tifffile.imwrite(project / "x.tif", image[0])
    files = [fit_fold(project, fold) for fold in (0, 1)]
    assert segment(project, [project / "x.tif"], files) == 0
    found = tifffile.imread(project / "out/x.tif")
    np.testing.assert_array_equal(found > 0, labels > 0)
    assert sorted(p.name for p in (project / "out").iterdir()) == ["x.tif"]


def test_a_batch_is_predicted(project):
    write_json(project / "plan.json", make_plan().to_json())
    command = ["predict-cases-classical", "--model", fit_fold(project, 0)]
    command += ["--cases", project / "cases", "--plan", project / "plan.json"]
    command += ["--costs", project / "costs.json", "--out", project / "out"]
    assert cli.main([str(argument) for argument in command]) == 0
    assert sorted(case_paths([project / "out"])) == ["first", "new", "tést <1>"]
    costs = read_costs(project / "costs.json", PredictionCosts)
    assert {c.case: (c.models, c.pixels) for c in costs.cases} == dict.fromkeys(
        ("first", "new", "tést <1>"), (1, 32 * 40)
    )


def test_tuning_writes_down_what_it_took(project):
    start = time.monotonic()
    model = fit_fold(project, 0)
    took = time.monotonic() - start
    costs = read_costs(model.parent / "costs.json", TrainingCosts)
    assert 0 < costs.training_s < took
    assert (costs.parameters, costs.threads) == (None, 1)


def test_a_file_that_is_no_baseline_is_refused(project, capsys):
    write_json(project / "plan.json", make_plan().to_json())
    tifffile.imwrite(project / "x.tif", scene(7)[0][0])
    assert segment(project, [project / "x.tif"], [project / "plan.json"]) == 1
    assert "plan.json: holds no parameters of a baseline" in capsys.readouterr().err
    assert not (project / "out").exists()


def test_an_image_of_another_kind_is_refused(project, capsys):
    tifffile.imwrite(project / "x.tif", np.stack([scene(7)[0][0]] * 20))
    assert segment(project, [project / "x.tif"], [fit_fold(project, 0)]) == 1
    assert "spatial axes, but the model works in 2-D" in capsys.readouterr().err
