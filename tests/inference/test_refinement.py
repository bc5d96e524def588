"""Prediction and tuning with a dense CRF: noisy probabilities, and an image with a clear edge."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from decoders import decoder

from septum.config.schema import ClassSpec, Decode, Predict
from septum.data import store
from septum.data.intensity import statistics
from septum.errors import SeptumError
from septum.inference.crf import refine
from septum.inference.ensemble import Model
from septum.inference.predictor import predict_case, predict_probabilities
from septum.networks.model_header import ModelHeader
from septum.networks.segmenter import Segmenter
from septum.stages.tune.decoder import tune_decoder

SIZE = (32, 32)
TRUTH = np.broadcast_to(np.arange(32) >= 16, SIZE)
IMAGE = (10 + 200 * TRUTH + np.random.default_rng(1).integers(0, 20, SIZE)).astype(np.uint8)[None]
# of the range of intensities, which the normalisation brings to 0 … 1
CRF = {"intensity_sigma": 0.1, "appearance_sigma": 5.0}


def noisy():
    """Probabilities of an object whose edge is two pixels off, a seventh of the pixels wrong."""
    random = np.random.default_rng(0)
    right = np.roll(TRUTH, 2, axis=1) ^ (random.random(SIZE) < 1 / 7)
    inside = np.where(right, 0.75, 0.25).astype(np.float32)
    return np.stack([1 - inside, inside])


class Noisy(Segmenter):
    """Gives the same probabilities for every image."""

    stride, margin = 1, 0

    def __init__(self):
        super().__init__()
        self.maps = torch.nn.Parameter(torch.from_numpy(noisy()))

    def legal_size(self, size):
        return tuple(size)

    def losses(self, images, targets):
        raise NotImplementedError

    @torch.no_grad()
    def predict(self, images):
        assert images.shape[2:] == SIZE
        return self.maps.expand(len(images), -1, -1, -1)


def header(**changes):
    parts = {
        "network": "unet",
        "spatial_dims": 2,
        "in_channels": 1,
        "head": "semantic",
        "classes": {1: ClassSpec(name="cell")},
        "annotation": "instance",
        "intensities": {"scheme": "percentile", "lower": 1.0, "upper": 99.0},
        "spacing": (1.0, 1.0),
        "unit": "pixel",
        "patch": SIZE,
    }
    return ModelHeader(**{**parts, **changes})


def probabilities(settings, **changes):
    settings = Predict(tile=list(SIZE), **settings)
    return predict_probabilities(Noisy(), header(**changes), IMAGE, statistics(IMAGE), settings)


def test_without_a_crf_the_probabilities_are_the_networks():
    for off in ({}, {"crf": False}):
        assert probabilities(off).tobytes() == noisy().tobytes()


def test_noisy_probabilities_become_right_at_the_edge_of_the_image():
    assert np.count_nonzero((noisy()[1] > 0.5) != TRUTH) > 150
    found = probabilities({"crf": CRF})
    np.testing.assert_array_equal(found[1] > 0.5, TRUTH)
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)


def test_objects_are_decoded_from_the_refined_probabilities():
    model = Model(Noisy(), header(decoder=decoder("components")), ())
    settings = Predict(tile=list(SIZE), crf=CRF)
    semantic, instance, _ = predict_case(model, IMAGE, statistics(IMAGE), settings)
    np.testing.assert_array_equal(semantic, TRUTH)
    np.testing.assert_array_equal(instance, TRUTH)


def test_the_decoder_is_tuned_on_refined_probabilities(tmp_path):
    case = store.Case(
        "a",
        IMAGE,
        TRUTH.astype(np.uint16),
        TRUTH.astype(np.uint32),
        store.Geometry((1.0, 1.0)),
        statistics(IMAGE),
    )
    path = store.case_path(tmp_path, "a")
    store.write_case(path, case)
    scores = {}
    for name, crf in (("off", None), ("on", CRF)):
        predict = Predict(tile=list(SIZE), crf=crf)
        tuned = tune_decoder(Noisy(), header(predict=predict), [path], Decode(), min_size=4)
        scores[name] = tuned.score
    assert scores["on"] == 1.0
    assert scores["off"] < 0.9


def test_distances_are_in_pixels_of_the_finest_axis_and_intensities_as_normalised():
    crf = {**CRF, "iterations": 2}
    low, high = np.percentile(IMAGE, [1, 99])
    expected = refine(
        torch.from_numpy(noisy()),
        torch.from_numpy((IMAGE - low) / (high - low)),
        spacing=(3.0, 1.0),
        **crf,
    )
    for spacing, unit in (((3.0, 1.0), "pixel"), ((0.75, 0.25), "micrometer")):
        found = probabilities({"crf": crf}, spacing=spacing, unit=unit)
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)
    assert np.abs(probabilities({"crf": crf}) - expected.numpy()).max() > 0.01


def test_a_model_that_regresses_is_not_refined():
    with pytest.raises(SeptumError, match=r"predict\.crf.*'flows'"):
        probabilities({"crf": CRF}, head="flows")
