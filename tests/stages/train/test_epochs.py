"""What a training is set up with."""

from __future__ import annotations

from dataclasses import replace

from trainings import (
    NET,
    inputs,
    settings,
)

from septum.stages.train.epochs import set_up


def test_classes_without_single_objects_are_trained_too(data, tmp_path):
    """Of semantic annotation the plan's fingerprint has no objects: None."""
    given = inputs(data, settings())
    plan = replace(given["plan"], fingerprint={"objects": None})
    found = set_up(**{**given, "plan": plan}, folder=tmp_path)
    assert found.run.options == {**NET}
