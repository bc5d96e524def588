"""The record of the weights that a training started from."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from septum.config.schema import canonical_json
from septum.networks.start_weights import StartWeights


def test_the_record_is_plain_json():
    adapted = {"fc6.weight": "made a convolution"}
    record = StartWeights(source="a.pth", sha256="ab", taken=3, new=["up.bias"], adapted=adapted)
    text = canonical_json(record)
    assert text == (
        '{"adapted":{"fc6.weight":"made a convolution"},"new":["up.bias"],"sha256":"ab",'
        '"source":"a.pth","taken":3,"unused":[]}'
    )
    assert StartWeights.model_validate_json(text) == record


def test_unknown_keys_are_refused():
    with pytest.raises(ValidationError, match="extra"):
        StartWeights.model_validate({"source": "a", "sha256": "ab", "taken": 3, "from": "a"})
