"""Tuning writes the model file, and leaves the weights as they are."""

from __future__ import annotations

import pytest
from safetensors.torch import load_file
from trainings import inputs, run_training, settings, write_dataset

from septum.config.schema import Decode, Predict, Tune
from septum.errors import SeptumError
from septum.io.atomic import read_json
from septum.networks.model_file import read_model, save_model
from septum.networks.model_header import read_header
from septum.stages.tune.stage import tune


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The data, and the folder of a training on them."""
    folder = tmp_path_factory.mktemp("tuned")
    write_dataset(folder)
    run_training(folder, folder / "out", settings(epochs=1))
    return folder, folder / "out"


def tune_again(trained, out, weights=None, **sections):
    data, folder = trained
    given = inputs(data, settings())
    tune(
        weights=weights or folder / "weights.safetensors",
        plan=given["plan"],
        cases=given["cases"],
        settings=Tune(**sections),
        out=out,
        digests={"tuning": "c0de"},
    )
    return read_header(out)


def test_the_weights_have_no_decoder_and_the_model_has_the_same_weights(trained):
    _, folder = trained
    weights, model = folder / "weights.safetensors", folder / "model.safetensors"
    assert read_header(weights).decoder is None
    assert read_header(model).decoder.method in ("components", "watershed")
    before, after = load_file(weights), load_file(model)
    assert before.keys() == after.keys()
    assert all(before[name].equal(after[name]) for name in before)
    assert read_json(folder / "tuning.json")["tuning_s"] > 0
    assert set(read_json(folder / "costs.json")) > {"training_s", "parameters"}


def test_what_is_set_reaches_the_model(trained, tmp_path):
    header = tune_again(
        trained,
        tmp_path / "model.safetensors",
        predict=Predict(overlap=0.5),
        decode=Decode(method="components", threshold=0.37),
    )
    assert (header.decoder.method, header.decoder["threshold"]) == ("components", 0.37)
    assert header.predict.overlap == 0.5
    assert {"code", "data", "tuning"} == set(header.digests)
    assert header.trained == read_header(trained[1] / "weights.safetensors").trained


def test_tuning_again_gives_the_same_bytes(trained, tmp_path):
    for name in ("a", "b"):
        tune_again(trained, tmp_path / name / "model.safetensors")
    first, second = (tmp_path / name / "model.safetensors" for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def test_weights_of_no_fold_are_refused(trained, tmp_path):
    stored = read_model(trained[1] / "weights.safetensors")
    path = tmp_path / "weights.safetensors"
    save_model(path, stored.state, stored.header.model_copy(update={"trained": None}))
    with pytest.raises(SeptumError, match="does not say which fold"):
        tune_again(trained, tmp_path / "model.safetensors", weights=path)
