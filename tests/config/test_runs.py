"""Which experiment is computed on which dataset."""

from __future__ import annotations

from small_config import problems

from septum.config.load import validate
from septum.config.runs import runs


def test_where_nothing_at_all_can_be_computed_the_reasons_are_errors():
    data = {"images": "{case}.png", "labels": "l/{case}.png", "annotation": "semantic"}
    raw = {"datasets": {"d": data}, "experiments": {"far": {"network": "unet", "head": "flows"}}}
    assert list(problems(raw)) == ["experiments.far.head"]
    raw["experiments"]["floor"] = {"method": "watershed"}
    assert list(problems(raw)) == ["experiments.far.head", "experiments.floor.datasets"]
    raw["experiments"]["net"] = {"network": "unet"}
    assert list(runs(validate(raw))) == [("d", "net")]
