"""Tuning writes the model file, and leaves the weights as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from safetensors.torch import load_file
from trainings import inputs, run_training, settings, write_dataset

from septum.cli import main
from septum.config.schema import ClassSpec, Decode, Predict, Tune
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


def tune_again(trained, out, weights=None, plan=None, **sections):
    data, folder = trained
    given = inputs(data, settings())
    tune(
        weights=weights or folder / "weights.safetensors",
        plan=plan or given["plan"],
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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"in_channels": 3}, "they differ in in_channels"),
        ({"annotation": "semantic"}, "they differ in annotation"),
        ({"classes": {1: ClassSpec(name="other")}}, "they differ in classes"),
    ],
)
def test_the_plan_of_another_dataset_is_refused(trained, tmp_path, changes, message):
    plan = replace(inputs(trained[0], settings())["plan"], **changes)
    with pytest.raises(SeptumError, match=message):
        tune_again(trained, tmp_path / "model.safetensors", plan=plan)
    assert not (tmp_path / "model.safetensors").exists()


def test_a_way_of_decoding_of_another_head_is_refused(trained, tmp_path, capsys):
    data, folder = trained
    command = ["tune", "--weights", str(folder / "weights.safetensors")]
    command += ["--plan", str(data / "plan.json"), "--cases", str(data / "cases" / "b0")]
    settings_text = '{"predict": {}, "decode": {"method": "stars"}}'
    command += ["--settings", settings_text, "--out", str(tmp_path / "model.safetensors")]
    assert main(command) == 1
    told = capsys.readouterr().err
    assert "--settings, decode.method: 'stars' is no way to instances" in told
    assert "choose one of: auto, components, watershed" in told
    assert not (tmp_path / "model.safetensors").exists()
