"""Predicting with the settings that a model file keeps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from decoders import decoder
from headers import training_record
from loaded import load_models

from septum.config.schema import ClassSpec, Predict
from septum.data.intensity import statistics
from septum.errors import SeptumError
from septum.inference.predictor import (
    object_scores,
    predict_case,
    predict_probabilities,
    predict_scenes,
)
from septum.networks.model_file import save_model
from septum.networks.model_header import ModelHeader
from septum.networks.segmenter import Segmenter, build_segmenter

OPTIONS = {"padded": True, "width": 2, "depth": 1, "norm": "batch", "dropout": 0.0}


def model(**trained):
    header = ModelHeader(
        network="unet",
        options=OPTIONS,
        spatial_dims=2,
        in_channels=1,
        head="semantic",
        classes={1: ClassSpec(name="cell")},
        annotation="instance",
        intensities={"scheme": "none"},
        spacing=(1.0, 1.0),
        unit="pixel",
        patch=(16, 16),
        trained=training_record(**trained),
    )
    segmenter = build_segmenter("unet", OPTIONS, spatial_dims=2, in_channels=1, n_classes=1)
    return segmenter.eval(), header


def predict(image, **trained):
    segmenter, header = model(**trained)
    settings = Predict(tile=[16, 16], tta=True)
    return predict_probabilities(segmenter, header, image, statistics(image), settings)


class Paper(Segmenter):
    """The windows of the U-Net paper (572 px show 388), and a pixel's own value as prediction."""

    stride = 16
    margin = 92

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))
        self.shown = []

    def legal_size(self, size):
        return tuple(12 + 16 * -(-(n - 12) // 16) for n in size)

    def losses(self, images, targets):
        raise NotImplementedError

    def predict(self, images):
        self.shown.append(tuple(images.shape[2:]))
        inner = images[:, :, 92:-92, 92:-92]
        return torch.cat([1 - inner, inner], dim=1)


def test_auto_tile_of_the_unet_paper():
    segmenter, (_, header) = Paper().eval(), model()
    header = header.model_copy(update={"patch": (572, 572)})
    image = np.random.default_rng(0).random((1, 400, 800), np.float32)
    found = predict_probabilities(segmenter, header, image, statistics(image), Predict())
    np.testing.assert_array_equal(found[1], image[0])
    # windows of 572 px, never of 756: 2 x 3 of them, 384 px apart
    assert set(segmenter.shown) == {(572, 572)}


@pytest.fixture
def image():
    return np.random.default_rng(0).random((1, 16, 16), np.float32)


def test_a_network_that_saw_turned_patches_is_averaged_over_turns(image):
    turned = np.rot90(image, axes=(1, 2)).copy()
    one, other = predict(image, flip=True, rotate=True), predict(turned, flip=True, rotate=True)
    np.testing.assert_allclose(np.rot90(one, axes=(1, 2)), other, atol=1e-6)


def test_a_network_that_saw_flips_only_is_averaged_over_flips_only(image):
    flipped, turned = image[:, :, ::-1].copy(), np.rot90(image, axes=(1, 2)).copy()
    one = predict(image, flip=True, rotate=False)
    np.testing.assert_allclose(
        one[:, :, ::-1], predict(flipped, flip=True, rotate=False), atol=1e-6
    )
    other = predict(turned, flip=True, rotate=False)
    assert np.abs(np.rot90(one, axes=(1, 2)) - other).max() > 1e-4


def test_a_network_that_saw_no_flips_is_not_averaged_over_any(image):
    with pytest.raises(SeptumError, match=r"predict\.tta.*trained without"):
        predict(image, flip=False, rotate=True)


def test_a_score_is_the_mean_probability_of_being_an_object():
    _, header = model()
    two = {
        1: ClassSpec(name="cell"),
        2: ClassSpec(name="dish", kind="stuff"),
        3: ClassSpec(name="b"),
    }
    header = header.model_copy(update={"classes": two})
    instance = np.array([[1, 1, 0, 2]], np.uint32)
    # background, cell, dish, b: cell and b are things
    maps = np.array([[0, 0, 9, 0.5], [0.75, 0.25, 9, 0.1], [0, 0.5, 9, 0.1], [0.25, 0.25, 9, 0.3]])
    maps = maps[:, None].astype(np.float32)
    assert object_scores(maps, instance, header) == [0.75, 0.4]
    rim = np.array([[[0.0, 0.25, 9, 0.05]]], np.float32)
    border = header.model_copy(update={"head": "border"})
    assert object_scores(np.concatenate([maps, rim]), instance, border) == [0.875, 0.45]
    assert object_scores(maps, instance * 0, header) == []


def test_several_folds_of_a_detector_predict_together(tmp_path):
    options = {"backbone": "resnet18", "width": 0.0625, "anchor_sizes": [8.0]}
    paths = []
    for seed, threshold in ((1, 0.1), (2, 0.3)):
        _, header = model()
        objects = decoder("objects", threshold=threshold, mask_threshold=0.4, min_size=4)
        new = {"network": "mask_rcnn", "options": options, "head": "detection"}
        new |= {"patch": (32, 32), "decoder": objects}
        header = header.model_copy(update=new)
        how = {"spatial_dims": 2, "in_channels": 1, "n_classes": 1, "head": "detection"}
        segmenter = build_segmenter("mask_rcnn", options, seed=seed, **how)
        paths.append(tmp_path / f"{seed}.safetensors")
        save_model(paths[-1], segmenter.state_dict(), header)
    image = np.random.default_rng(0).random((1, 40, 40), np.float32)
    both = load_models(paths, torch.device("cpu"))
    assert both.header.decoder["threshold"] == pytest.approx(0.2)
    given = (image, statistics(image), Predict())
    alone = [load_models([p], torch.device("cpu")) for p in paths]
    found = [predict_scenes(m.segmenter, m.header, *given, [0.4])[0.4].detections for m in alone]
    together = predict_scenes(both.segmenter, both.header, *given, [0.4])[0.4].detections
    assert all(found), "untrained networks find something at a score of 0.05"
    # the mean of two scores, one of which may be none
    assert max(one.score for one in together) <= max(one.score for f in found for one in f)
    assert min(one.score for one in together) < 0.5 * max(one.score for one in found[0])
    assert sum(one.score for one in together) * 2 <= sum(o.score for f in found for o in f) + 1e-9
    semantic, instance, scores = predict_case(both, *given)
    assert semantic.shape == instance.shape == (40, 40)
    assert len(scores) == instance.max()
