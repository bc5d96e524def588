"""Sections: unknown keys are errors, values do not change, null takes a key back."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from septum.config.section import Section, without_nulls


class Box(Section):
    """A section with one key."""

    size: float = 1.0


@pytest.mark.parametrize("values", [{"sise": 2}, {"size": float("inf")}, {"size": "large"}])
def test_what_is_no_section(values):
    with pytest.raises(ValidationError):
        Box(**values)


def test_a_section_does_not_change():
    box = Box(size=2)
    with pytest.raises(ValidationError):
        box.size = 3.0
    assert box == Box(size=2.0)


@pytest.mark.parametrize(
    ("block", "rest"),
    [({"a": None, "b": 0, "c": False}, {"b": 0, "c": False}), (["a", None], ["a", None]), (3, 3)],
)
def test_keys_set_to_null_are_dropped(block, rest):
    assert without_nulls(block) == rest
