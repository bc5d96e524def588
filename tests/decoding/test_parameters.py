"""A decoder has the parameters of its method, and no others."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from septum.config.schema import canonical_json
from septum.decoding.parameters import Decoder

FLOWS = {"threshold": 0.5, "flow_error": 0.8, "min_size": 20}


def test_a_decoder_survives_json_with_its_numbers_as_they_were():
    decoder = Decoder(method="flows", parameters=FLOWS, score=0.75)
    text = canonical_json(decoder)
    assert text == (
        '{"method":"flows","parameters":{"flow_error":0.8,"min_size":20,"threshold":0.5},'
        '"score":0.75}'
    )
    again = Decoder.model_validate_json(text)
    assert again == decoder
    assert (again["flow_error"], type(again["min_size"])) == (0.8, int)
    assert decoder.described() == {"method": "flows", **FLOWS}


@pytest.mark.parametrize(
    ("method", "parameters", "message"),
    [
        ("flows", {"threshold": 0.5, "min_size": 2}, "flows lacks flow_error"),
        ("flows", {**FLOWS, "overlap": 0.5}, "flows has no overlap"),
        ("argmax", {"threshold": 0.5}, "argmax has no threshold"),
        ("guess", {}, "no way of decoding 'guess'"),
        ("flows", {**FLOWS, "threshold": 7.5}, "threshold 7.5: Input should be less than 1"),
        ("flows", {**FLOWS, "threshold": 0}, "threshold 0: Input should be greater than 0"),
        ("flows", {**FLOWS, "min_size": -3}, "min_size -3: .*greater than or equal to 0"),
        ("flows", {**FLOWS, "min_size": 2.5}, "min_size 2.5: .*valid integer"),
        ("flows", {**FLOWS, "flow_error": float("inf")}, "finite number"),
    ],
)
def test_other_parameters_are_refused(method, parameters, message):
    with pytest.raises(ValidationError, match=message):
        Decoder(method=method, parameters=parameters)


def test_stuff_has_a_limit_in_panoptic_annotation_only():
    assert "min_stuff" not in Decoder(method="flows", parameters=FLOWS).parameters
    assert Decoder(method="flows", parameters={**FLOWS, "min_stuff": 9})["min_stuff"] == 9


@pytest.mark.parametrize(
    ("method", "parameters", "head", "annotation"),
    [
        ("flows", FLOWS, "flows", "instance"),
        ("flows", {**FLOWS, "min_stuff": 0}, "flows", "panoptic"),
        ("argmax", {}, "semantic", "semantic"),
        ("components", {"threshold": 0.5, "min_size": 0}, "border", "instance"),
    ],
)
def test_a_decoder_fits_its_head_and_annotation(method, parameters, head, annotation):
    Decoder(method=method, parameters=parameters).require_fit(head, annotation)


@pytest.mark.parametrize(
    ("method", "parameters", "head", "annotation", "message"),
    [
        ("flows", FLOWS, "semantic", "instance", "by components, watershed, not by flows"),
        ("flows", FLOWS, "flows", "semantic", "by argmax, not by flows"),
        ("argmax", {}, "flows", "instance", "by flows, not by argmax"),
        ("flows", FLOWS, "flows", "panoptic", "lacks min_stuff"),
        ("flows", {**FLOWS, "min_stuff": 0}, "flows", "instance", "for panoptic annotation only"),
    ],
)
def test_a_decoder_that_does_not_fit_is_refused(method, parameters, head, annotation, message):
    decoder = Decoder(method=method, parameters=parameters)
    with pytest.raises(ValueError, match=message):
        decoder.require_fit(head, annotation)
