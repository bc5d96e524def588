"""Cases go to the models that may judge them; images come back as label maps."""

from __future__ import annotations

import hashlib
import logging
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
import tifffile
import torch
from decoders import decode, decoder
from headers import training_record

from septum.config.schema import ClassSpec, PercentileScaling, Predict
from septum.data.intensity import normalise, statistics
from septum.data.plan import Plan, PlannedWeights
from septum.data.store import Case, Geometry, case_path, case_paths, read_prediction, write_case
from septum.errors import SeptumError
from septum.inference.ensemble import load_models
from septum.inference.predictor import predict_case
from septum.io.atomic import read_json, write_json
from septum.networks.model_file import StoredModel, load_model, save_model
from septum.networks.model_header import ModelHeader
from septum.networks.segmenter import build_segmenter
from septum.stages.predict.stage import predict_batch, predict_images

SCHEME = PercentileScaling(lower=1.0, upper=99.0)
DECODER = decoder("components", score=1.0, threshold=0.5, min_size=9)
OPTIONS = {"padded": True, "width": 8, "depth": 1, "norm": "batch", "dropout": 0.0}


def scene(seed, ndim=2, channels=1):
    """Bright balls on a dim, noisy background; the image and its labels."""
    random = np.random.default_rng(seed)
    shape = (48, 56) if ndim == 2 else (12, 24, 32)
    grid = np.indices(shape)
    labels = np.zeros(shape, int)
    for number in range(1, 6):
        centre = [random.integers(4, n - 4) for n in shape]
        offset = grid - np.reshape(centre, (-1, *[1] * ndim))
        labels[((offset**2).sum(0) < 12) & (labels == 0)] = number
    image = 40 + 100 * (labels > 0) + random.normal(0, 10, (channels, *shape))
    return image.clip(0, 255).astype(np.uint8), labels


def trained(fold, ndim=2, channels=1, **changes):
    """Return a segmenter that has learnt to find bright pixels, and its header."""
    header = ModelHeader(
        network="unet",
        options=OPTIONS,
        spatial_dims=ndim,
        in_channels=channels,
        head="semantic",
        classes={1: ClassSpec(name="ball")},
        annotation="instance",
        intensities=SCHEME,
        spacing=(1.0,) * ndim,
        unit="pixel",
        patch=(16,) * ndim,
        decoder=DECODER,
        trained=training_record(fold=fold),
    )
    segmenter = build_segmenter(
        "unet", OPTIONS, spatial_dims=ndim, in_channels=channels, n_classes=1, seed=fold
    )
    optimizer = torch.optim.Adam(segmenter.parameters(), 0.02)
    for step in range(30):
        image, labels = scene(100 * fold + step, ndim, channels)
        shown = normalise(image, statistics(image), SCHEME)[None]
        targets = {"classes": torch.from_numpy(labels > 0)[None].long()}
        loss = segmenter.losses(torch.from_numpy(shown), targets)["cross_entropy"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return segmenter, header.model_copy(update=changes)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return model files of folds 0 and 1."""
    folder = tmp_path_factory.mktemp("models")
    paths = []
    for fold in (0, 1):
        segmenter, header = trained(fold)
        paths.append(folder / f"fold{fold}" / "model.safetensors")
        save_model(paths[-1], segmenter.state_dict(), header)
    return paths


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


def by_hand(models, image, threshold=0.5):
    """Return the instances of the mean of whole-image predictions."""
    shown = torch.from_numpy(normalise(image, statistics(image), SCHEME)[None])
    maps = []
    for path in models:
        segmenter, _ = load_model(path)
        maps.append(segmenter.predict(shown)[0].numpy())
    return decode(
        np.mean(maps, 0),
        head="semantic",
        classes={1: ClassSpec(name="ball")},
        annotation="instance",
        threshold=threshold,
        min_size=9,
    )


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


def segment(images, models, out, **settings):
    predict_images(images=images, models=models, out=out, settings=Predict(**settings))


def test_images_come_back_in_their_own_format(models, tmp_path):
    image, _ = scene(5)
    tifffile.imwrite(tmp_path / "cells.tif", image[0])
    tifffile.imwrite(tmp_path / "cells 2.ome.tif", scene(6)[0][0])
    segment([tmp_path / "cells.tif", tmp_path / "cells 2.ome.tif"], models[:1], tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 2
    result = tifffile.imread(tmp_path / "out" / "cells.tif")
    np.testing.assert_array_equal(result, by_hand(models[:1], image)[1])
    assert result.dtype == np.uint16
    # all models together
    segment([tmp_path / "cells.tif"], models, tmp_path / "out")
    result = tifffile.imread(tmp_path / "out" / "cells.tif")
    np.testing.assert_array_equal(result, by_hand(models, image)[1])


def test_a_volume_keeps_its_geometry(tmp_path):
    segmenter, header = trained(0, ndim=3)
    save_model(tmp_path / "model", segmenter.state_dict(), header)
    affine = np.array([[-0.5, 0, 0, 3], [0, 0.6, 0.1, 4], [0, -0.1, 2, 5], [0, 0, 0, 1]])
    image, labels = scene(3, ndim=3)
    nib.save(nib.Nifti1Image(np.ascontiguousarray(image[0].T), affine), tmp_path / "brain.nii.gz")
    segment([tmp_path / "brain.nii.gz"], [tmp_path / "model"], tmp_path / "out")
    result = nib.load(tmp_path / "out" / "brain.nii.gz")
    np.testing.assert_allclose(result.affine, affine, atol=1e-6)
    predicted = np.asarray(result.dataobj).T > 0
    overlap = (predicted & (labels > 0)).sum() / (predicted | (labels > 0)).sum()
    assert overlap > 0.7


def test_problems_are_found_before_anything_is_predicted(models, tmp_path):
    image = scene(5)[0][0]
    for name in ("a/x.tif", "b/x.tif", "b/notes.txt", "out/y.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / name, image)
    names = ("a/x.tif", "b/x.tif", "b/notes.txt", "out/y.tif", "gone.tif")
    with pytest.raises(SeptumError) as caught:
        segment([tmp_path / name for name in names], models, tmp_path / "out")
    assert [(p.where, p.what.split(" ")[0]) for p in caught.value.problems] == [
        (str(tmp_path / "b/x.tif"), "would"),
        (str(tmp_path / "b/notes.txt"), "has"),
        (str(tmp_path / "out/y.tif"), "lies"),
        (str(tmp_path / "gone.tif"), "does"),
    ]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out/y.tif"), image)
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_one_bad_image_does_not_stop_the_others(models, tmp_path):
    image = scene(5)[0]
    tifffile.imwrite(tmp_path / "rgb.tif", np.repeat(image[0][..., None], 3, -1))
    tifffile.imwrite(tmp_path / "good.tif", image[0])
    bad = image[0].astype(np.float32)
    bad[3, 4] = np.nan
    tifffile.imwrite(tmp_path / "nan.tif", bad)
    whole = (tmp_path / "good.tif").read_bytes()
    (tmp_path / "short.tif").write_bytes(whole[: len(whole) // 2])
    names = ("rgb.tif", "nan.tif", "short.tif", "good.tif")
    with pytest.raises(SeptumError) as caught:
        segment([tmp_path / name for name in names], models, tmp_path / "out")
    assert [p.where for p in caught.value.problems] == [str(tmp_path / n) for n in names[:3]]
    assert "has 3 channels, but the model takes 1" in caught.value.problems[0].what
    assert "not finite" in caught.value.problems[1].what
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.tif"]


def test_settings_of_the_training_hold_unless_said_otherwise(models, tmp_path):
    segmenter, header = load_model(models[0])
    stored = {"tile": [20, 20, 20], "tta": True, "device": "gpu"}
    save_model(
        tmp_path / "m", segmenter.state_dict(), header.model_copy(update={"predict": stored})
    )
    tifffile.imwrite(tmp_path / "x.tif", scene(5)[0][0])
    # the stored tile is of the wrong kind, which shows that it is looked at; the device is not
    with pytest.raises(SeptumError, match=r"predict\.tile"):
        segment([tmp_path / "x.tif"], [tmp_path / "m"], tmp_path / "out")
    segment([tmp_path / "x.tif"], [tmp_path / "m"], tmp_path / "out", tile="auto")
    assert (tmp_path / "out" / "x.tif").exists()


@pytest.mark.parametrize(("step", "warned"), [(0.5, False), (0.2, True)])
def test_pixels_of_another_size_are_pointed_out(models, tmp_path, caplog, step, warned):
    segmenter, header = load_model(models[0])
    header = header.model_copy(update={"spacing": (0.4, 0.4), "unit": "micrometer"})
    save_model(tmp_path / "m", segmenter.state_dict(), header)
    tifffile.imwrite(
        tmp_path / "x.tif",
        scene(5)[0][0],
        imagej=True,
        resolution=(1 / step, 1 / step),
        metadata={"unit": "um"},
    )
    with caplog.at_level(logging.WARNING, logger="septum"):
        segment([tmp_path / "x.tif"], [tmp_path / "m"], tmp_path / "out")
    assert any("expect worse results" in r.getMessage() for r in caplog.records) == warned


def test_stuff_and_things_of_a_panoptic_model(tmp_path):
    segmenter, header = trained(0)
    header = header.model_copy(
        update={"annotation": "panoptic", "decoder": decoder(threshold=0.5, min_size=9)}
    )
    save_model(tmp_path / "m", segmenter.state_dict(), header)
    image, _ = scene(7)
    model = load_models([tmp_path / "m"], torch.device("cpu"))
    semantic, instance, _ = predict_case(model, image, statistics(image), Predict())
    np.testing.assert_array_equal(semantic > 0, instance > 0)
    tifffile.imwrite(tmp_path / "a.tif", image[0])
    tifffile.imwrite(tmp_path / "a_classes.tif", image[0])
    # the class map of one would be the instance map of the other
    with pytest.raises(SeptumError, match="of the same name"):
        segment([tmp_path / "a.tif", tmp_path / "a_classes.tif"], [tmp_path / "m"], tmp_path / "o")
    segment([tmp_path / "a.tif"], [tmp_path / "m"], tmp_path / "o")
    written = sorted(path.name for path in (tmp_path / "o").iterdir())
    assert written == ["a.tif", "a_classes.tif"]


def test_predicting_with_networks_of_our_own_does_not_wait_for_monai(project, models):
    code = (
        "import sys; from septum.inference.ensemble import load_models; "
        "load_models(sys.argv[1:], 'cpu'); import septum.stages.predict.stage; "
        "print('monai' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(models[0])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
