"""Several models as one: which decoder they share, and which do not go together."""

from __future__ import annotations

import hashlib

import pytest
import torch
from decoders import decoder
from headers import training_record
from loaded import load_models

from septum.config.schema import ClassSpec
from septum.decoding.parameters import Decoder
from septum.errors import SeptumError
from septum.inference.ensemble import common_decoder
from septum.networks.model_file import save_model
from septum.networks.model_header import ModelHeader
from septum.networks.segmenter import build_segmenter

OPTIONS = {"padded": True, "width": 2, "depth": 1, "norm": "batch", "dropout": 0.0}
CPU = torch.device("cpu")


def write(path, seed=0, **changes):
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
        decoder=decoder(),
        trained=training_record(fold=seed),
    )
    known = {"spatial_dims": 2, "in_channels": 1, "n_classes": 1}
    segmenter = build_segmenter("unet", OPTIONS, seed=seed, **known)
    save_model(path, segmenter.state_dict(), header.model_copy(update=changes))
    return segmenter.eval()


def test_the_decoder_of_an_ensemble():
    one = decoder("components", threshold=0.4, min_size=9, score=0.6)
    two = decoder("watershed", threshold=0.5, seed_threshold=0.8, min_size=20, score=0.5)
    three = decoder("watershed", threshold=0.6, seed_threshold=0.6, min_size=31, score=0.5)
    common = common_decoder([one, two, three])
    assert (common.method, common.score) == ("watershed", None)
    # the medians of two values each; 25.5 pixels are 26
    medians = {"threshold": 0.55, "seed_threshold": 0.7, "min_size": 26}
    assert {name: common[name] for name in medians} == medians
    assert common_decoder([two, one]).method == "components"
    assert common_decoder([two.model_copy(update={"score": 0.7}), one]).method == "watershed"
    assert common_decoder([two.model_copy(update={"score": 0.6}), one]).method == "components"
    # nothing to score: no validation case has an object
    assert common_decoder([two.model_copy(update={"score": None})]).method == "watershed"
    assert common_decoder([Decoder(method="argmax")] * 2) == Decoder(method="argmax")


def test_maps_of_several_models_are_averaged(tmp_path):
    segmenters = [write(tmp_path / str(seed), seed) for seed in (0, 1)]
    model = load_models([tmp_path / "0", tmp_path / "1"], CPU)
    image = torch.rand(1, 1, 16, 16)
    expected = sum(segmenter.predict(image) for segmenter in segmenters) / 2
    torch.testing.assert_close(model.segmenter.predict(image), expected)
    files = [(tmp_path / name).read_bytes() for name in ("0", "1")]
    assert model.digests == tuple(hashlib.sha256(file).hexdigest() for file in files)


def test_models_must_go_together(tmp_path):
    write(tmp_path / "a")
    write(tmp_path / "b", intensities={"scheme": "zscore"})
    with pytest.raises(SeptumError, match="they differ in intensities"):
        load_models([tmp_path / "a", tmp_path / "b"], CPU)


def test_weights_without_a_decoder_do_not_predict(tmp_path):
    write(tmp_path / "c", decoder=None)
    with pytest.raises(SeptumError, match="holds no decoder"):
        load_models([tmp_path / "c"], CPU)


def test_an_ensemble_is_not_trained(tmp_path):
    for seed in (0, 1):
        write(tmp_path / str(seed), seed)
    model = load_models([tmp_path / "0", tmp_path / "1"], CPU)
    with pytest.raises(TypeError, match="an ensemble is not trained"):
        model.segmenter.losses(torch.zeros(1, 1, 16, 16), {})
