"""Headers of model files: those of older formats are read, and nothing else is needed for it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from headers import rewrite_header, training_record

from septum.errors import SeptumError
from septum.networks.model_header import ModelHeader, count_weights, read_header

# written by Septum 0.1.0; the README there says how
OLD = Path(__file__).parents[1] / "data" / "v1"
EXPECTED = json.loads((OLD / "expected_v1.json").read_text(encoding="utf-8"))["models"]
HEADER = {
    "network": "unet",
    "spatial_dims": 2,
    "in_channels": 1,
    "head": "semantic",
    "classes": {1: {"name": "cell"}},
    "annotation": "instance",
    "spacing": (1.0, 1.0),
    "unit": "pixel",
    "patch": (16, 16),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_header_of_format_1_is_read(name):
    expected = EXPECTED[name]["header"]
    header = read_header(OLD / EXPECTED[name]["file"])
    for field in ("network", "options", "head", "annotation", "unit", "digests"):
        assert getattr(header, field) == expected[field], field
    assert header.patch == tuple(expected["patch"])
    assert header.intensities.model_dump() == expected["normalisation"]
    assert header.predict.model_dump(mode="json") == expected["predict"]
    assert header.trained.model_dump() == expected["trained"]
    # None stood for a parameter that the method does not have
    decoder = {key: value for key, value in expected["decoder"].items() if value is not None}
    assert {**header.decoder.described(), "score": header.decoder.score} == decoder


def _edited_v1(folder, name, decoder, **changes):
    """Return a copy of a model of format 1 with another decoder."""
    path = folder / "model.safetensors"
    shutil.copyfile(OLD / EXPECTED[name]["file"], path)
    rewrite_header(path, lambda header: header.update(changes, decoder=decoder))
    return path


@pytest.mark.parametrize(
    ("name", "old", "parameters"),
    [
        # before flow errors were tuned
        (
            "unet_flows",
            {"method": "flows", "threshold": 0.4, "min_size": 12, "score": 0.5},
            {"threshold": 0.4, "flow_error": 0.4, "min_size": 12},
        ),
        (
            "unet_flows",
            {"method": "flows", "threshold": None, "flow_error": None, "min_size": None},
            {"threshold": 0.5, "flow_error": 0.4, "min_size": 0},
        ),
        # parameters of other methods had no effect
        (
            "unet_border",
            {"method": "components", "seed_threshold": 0.7, "overlap": 0.5, "min_stuff": 9},
            {"threshold": 0.5, "min_size": 0},
        ),
        (
            "mask_rcnn",
            {"method": "objects", "threshold": 0.7, "overlap": None},
            {"threshold": 0.7, "mask_threshold": 0.5, "overlap": 0.5, "min_size": 0},
        ),
    ],
)
def test_format_1_decoded_with_defaults_what_its_header_lacks(tmp_path, name, old, parameters):
    # the defaults of `septum.decode.decode` and `septum.detections` of Septum 0.1.0
    decoder = read_header(_edited_v1(tmp_path, name, old)).decoder
    assert (decoder.method, decoder.score) == (old["method"], old.get("score"))
    assert decoder.parameters == parameters


@pytest.mark.parametrize(
    ("annotation", "method", "parameters"),
    [
        ("panoptic", "components", {"threshold": 0.5, "min_size": 0, "min_stuff": 0}),
        ("semantic", "argmax", {}),
    ],
)
def test_a_decoder_of_format_1_by_annotation(tmp_path, annotation, method, parameters):
    old = {"method": "components", "threshold": 0.5, "min_stuff": None}
    path = _edited_v1(tmp_path, "unet_border", old, annotation=annotation)
    decoder = read_header(path).decoder
    assert (decoder.method, decoder.parameters) == (method, parameters)


@pytest.mark.parametrize(
    ("decoder", "message"),
    [
        ([1], "decoder is not a table"),
        ("flows", "decoder is not a table"),
        ({"threshold": 0.5}, "KeyError: 'method'"),
        ({"method": "guess"}, "there is no way of decoding 'guess'"),
        ({"method": "watershed", "seed_threshold": None}, "watershed lacks seed_threshold"),
    ],
)
def test_a_broken_decoder_of_format_1_is_refused(tmp_path, decoder, message):
    path = _edited_v1(tmp_path, "unet_border", decoder)
    with pytest.raises(SeptumError, match="broken header") as error:
        read_header(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)


@pytest.mark.parametrize(("name", "number"), [("unet_border", 7487), ("mask_rcnn", 18169)])
def test_what_is_learnt_is_counted_without_reading_it(name, number):
    # `parameters` of the record, which running statistics are no part of
    assert EXPECTED[name]["parameters"] == number
    assert count_weights(OLD / EXPECTED[name]["file"]) == number


def test_a_header_is_read_without_pytorch():
    code = (
        "import sys; from septum.networks.model_header import read_header; read_header(sys.argv[1])"
    )
    code += "; assert not {'torch', 'safetensors'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code, OLD / "unet_flows_v1.safetensors"], check=True)


@pytest.mark.parametrize(
    "intensities",
    [
        {"scheme": "percentile", "lower": 1.0, "upper": 99.8},
        {"scheme": "zscore"},
        {"scheme": "ct", "low": -200.0, "high": 300.0, "mean": 40.0, "std": 55.5},
        {"scheme": "none"},
    ],
)
def test_intensities_keep_what_their_scheme_needs_and_no_more(intensities):
    header = ModelHeader.model_validate({**HEADER, "intensities": intensities})
    assert header.intensities.model_dump() == intensities


def test_tuples_among_the_options_are_lists_as_in_a_file():
    options = {"sizes": (8.0, 16.0), "norm": "batch", "width": 4, "ratio": None}
    given = {**HEADER, "intensities": {"scheme": "none"}, "options": options}
    assert ModelHeader.model_validate(given).options == {**options, "sizes": [8.0, 16.0]}


def test_a_training_says_what_it_started_from():
    start = {"source": "fcn32s", "sha256": "ab" * 32, "taken": 32, "new": ["up.weight"]}
    record = training_record(start=start)
    assert (record.start.source, record.start.taken, record.start.unused) == ("fcn32s", 32, [])
