"""Batches of cases are predicted by baselines as by networks."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from small_baselines import NAMES, OPTIONS, fit_fold, make_plan, scene, write_batch

from septum import cli
from septum.config.schema import ClassSpec
from septum.data.store import case_paths, read_prediction
from septum.errors import SeptumError
from septum.io.atomic import write_json
from septum.io.usage import PredictionCosts, read_costs
from septum.stages.predict.classical import predict_batch


@pytest.fixture
def project(tmp_path):
    """Write a batch of five cases."""
    write_batch(tmp_path)
    return tmp_path


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
