"""Cases go to the models that may judge them."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch
from ball_models import SCHEME, by_hand, scene

from septum.config.schema import ClassSpec, Predict
from septum.data.intensity import statistics
from septum.data.plan import Plan, PlannedWeights
from septum.data.store import Case, Geometry, case_path, case_paths, read_prediction, write_case
from septum.errors import SeptumError
from septum.io.atomic import read_json, write_json
from septum.networks.model_file import StoredModel
from septum.stages.predict.stage import predict_batch


@pytest.fixture
def project(tmp_path):
    """Write a batch of five cases and a plan."""
    names = ["first", "second", "tést <1>", "training", "new"]
    for seed, name in enumerate(names):
        image, labels = scene(seed)
        case = Case(
            name=name,
            image=image,
            semantic=None if name == "new" else (labels > 0).astype(np.uint16),
            instance=None if name == "new" else labels.astype(np.uint32),
            geometry=Geometry((1.0, 1.0), source={"reader": "tiff", "path": f"{name}.tif"}),
            statistics=statistics(image),
        )
        write_case(case_path(tmp_path / "cases", name), case)
    plan = Plan(
        dataset="balls",
        spatial_dims=2,
        in_channels=1,
        spacing=(1.0, 1.0),
        unit="pixel",
        annotation="instance",
        classes={1: ClassSpec(name="ball")},
        normalisation=SCHEME,
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
    write_json(tmp_path / "plan.json", plan.to_json())
    return tmp_path


def run_batch(project, models, costs=None, **settings):
    predict_batch(
        models=models,
        cases=project / "cases",
        plan=project / "plan.json",
        out=project / "predicted",
        settings=Predict(device="cpu", **settings),
        costs=costs,
    )
    paths = case_paths([project / "predicted"])
    return {name: read_prediction(path) for name, path in paths.items()}


def test_no_case_is_predicted_by_a_model_that_was_trained_on_it(project, models):
    found = run_batch(project, models)
    assert {name: (p.attributes.subset, p.attributes.fold) for name, p in found.items()} == {
        "first": ("val", "0"),
        "second": ("val", "1"),
        "tést <1>": ("test", "ensemble"),
        "new": ("unlabelled", "ensemble"),
    }
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in models]
    assert found["second"].attributes.models == tuple(digests[1:])
    assert found["new"].attributes.models == tuple(digests)
    assert found["new"].attributes.classes == {1: "ball"}


def test_predictions_are_those_of_the_whole_image(project, models):
    found = run_batch(project, models)
    for seed, name, used in ((0, "first", models[:1]), (2, "tést <1>", models)):
        semantic, instance = by_hand(used, scene(seed)[0])
        assert instance.max() >= 3
        np.testing.assert_array_equal(found[name].instance, instance)
        np.testing.assert_array_equal(found[name].semantic, semantic)
        assert found[name].geometry.source["path"] == f"{name}.tif"


def test_a_single_fold_predicts_the_test_cases_under_its_own_number(project, models):
    found = run_batch(project, models[1:])
    assert {name: p.attributes.fold for name, p in found.items()} == {
        "second": "1",
        "tést <1>": "1",
        "new": "1",
    }


def test_the_windows_and_the_decoder_that_were_used_are_kept(project, models):
    found = run_batch(project, models)["first"].attributes
    # patches of 16 px, doubled while a window has at most 2**18 pixels: 512 x 512
    assert found.tile == (512, 512)
    assert (found.decoder["method"], found.decoder["min_size"]) == ("components", 9)
    assert run_batch(project, models, tile=[24, 32])["first"].attributes.tile == (24, 32)


def test_what_a_prediction_took_is_written_beside_it(project, models):
    run_batch(project, models, costs=project / "costs/1of1.json")
    costs = read_json(project / "costs/1of1.json")
    assert [(c["case"], c["models"], c["pixels"]) for c in costs["cases"]] == [
        (name, used, 48 * 56)
        for name, used in (("first", 1), ("second", 1), ("new", 2), ("tést <1>", 2))
    ]
    assert all(0 < c["seconds"] < 60 for c in costs["cases"])
    assert costs["threads"] == torch.get_num_threads()
    assert costs["peak_memory_mb"] > 50
    assert sorted(p.name for p in project.iterdir()) == ["cases", "costs", "plan.json", "predicted"]


def test_tiles_and_augmentation_change_little(project, models):
    whole = run_batch(project, models)
    tiled = run_batch(project, models, tile=[24, 32], overlap=0.5, tta=True, batch=3)
    for name, prediction in whole.items():
        same = (prediction.instance > 0) == (tiled[name].instance > 0)
        assert same.mean() > 0.97


def test_a_batch_is_written_whole_or_not_at_all(project, models):
    run_batch(project, models)
    kept = sorted(path.name for path in (project / "predicted").iterdir())
    image = scene(9, channels=2)[0]
    broken = Case("tést <1>", image, None, None, Geometry((1.0, 1.0)), statistics(image))
    write_case(case_path(project / "cases", "tést <1>"), broken)
    with pytest.raises(SeptumError, match="has 2 channels, but the model takes 1"):
        run_batch(project, models)
    assert sorted(path.name for path in (project / "predicted").iterdir()) == kept


def test_a_gpu_that_is_demanded_must_be_there(project, models, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SeptumError) as caught:
        predict_batch(
            models=models,
            cases=project / "cases",
            plan=project / "plan.json",
            out=project / "predicted",
            settings=Predict(device="gpu"),
        )
    assert caught.value.problems[0].where == "predict.device"
    assert not (project / "predicted").exists()


def test_tile_with_the_wrong_number_of_axes(project, models):
    with pytest.raises(SeptumError, match=r"predict\.tile: gives 3 sizes, but the images have 2"):
        run_batch(project, models, tile=[16, 16, 16])


class Opened:
    """The files that this process opens while it is asked to look."""

    def __init__(self):
        self.paths, self.looking = [], False
        sys.addaudithook(self)

    def __call__(self, event, arguments):
        if self.looking and event == "open":
            self.paths.append(str(arguments[0]))


def test_each_model_file_is_opened_once_and_its_network_made_once(project, models, monkeypatch):
    made = []
    make = StoredModel.segmenter
    monkeypatch.setattr(
        StoredModel, "segmenter", lambda self, *given: made.append(self.path) or make(self, *given)
    )
    opened = Opened()
    opened.looking = True
    try:
        run_batch(project, models)
    finally:
        opened.looking = False
    # both predict the validation cases of their folds, and the test cases together
    assert [path for path in opened.paths if path.endswith(".safetensors")] == list(
        map(str, models)
    )
    assert made == models


def test_two_models_of_one_fold_are_refused(project, models):
    with pytest.raises(SeptumError, match="is of fold 0, and so is"):
        run_batch(project, [models[0], models[0]])


def test_predicting_with_networks_of_our_own_does_not_wait_for_monai(project, models):
    code = (
        "import sys; from septum.networks.model_file import read_model; "
        "read_model(sys.argv[1]).segmenter(); import septum.stages.predict.stage; "
        "print('monai' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(models[0])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
