"""The section ``decode``, built from the records of the ways of decoding."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from septum.config.decode_section import Decode, decode_fields
from septum.config.registry import Method, Parameter


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("threshold", [0.01, 0.99], [0, 1, "0.5x", None]),
        ("mask_threshold", [0.01, 0.99], [0, 1]),
        ("seed_threshold", [0.01, 0.99], [0, 1]),
        ("flow_error", [0.01, 7.5], [0, -1]),
        ("overlap", [0, 1, 0.5], [-0.01, 1.01]),
        ("min_size", [0, 12], [-1, 0.5]),
        ("min_stuff", [0, 12], [-1, 0.5]),
    ],
)
def test_decode_keeps_the_bounds_of_its_parameters(name, right, wrong):
    assert getattr(Decode(), name) == "auto"
    for value in [*right, "auto"]:
        assert getattr(Decode(**{name: value}), name) == value
    for value in wrong:
        with pytest.raises(ValidationError, match=name):
            Decode(**{name: value})


def test_decode_has_the_parameters_of_all_methods_and_no_others():
    assert set(Decode.model_fields) == {
        *("method", "threshold", "mask_threshold", "seed_threshold", "flow_error"),
        *("overlap", "min_size", "min_stuff"),
    }


def test_methods_that_share_a_parameter_agree_about_it():
    methods = [
        Method("a", "septum.a:a", parameters=(Parameter("size", least=0),)),
        Method("b", "septum.b:b", parameters=(Parameter("size", least=1),)),
    ]
    with pytest.raises(ValueError, match="size differs"):
        decode_fields(methods)
    assert set(decode_fields(methods[:1])) == {"size"}
