"""The section of an experiment."""

from __future__ import annotations

from small_config import minimal

from septum.config.load import validate


def test_null_takes_a_key_of_an_experiment_back():
    raw = minimal()
    raw["experiments"]["net"] |= {"head": None, "options": {"padded": True, "width": None}}
    found = validate(raw).experiments["net"]
    assert (found.head, found.options) == ("semantic", {"padded": True})
