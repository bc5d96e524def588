"""Datasets that a classical baseline cannot answer for."""

from __future__ import annotations

import pytest
from small_config import problems

from septum.config.load import validate
from septum.config.runs import left_out, runs


@pytest.mark.parametrize(
    ("dataset", "method", "says"),
    [
        ({"demo": "tissue"}, "watershed", "d has several (nucleus, stroma, lumen)"),
        ({"demo": "volumes"}, "cpmc", "cpmc is not defined for 3-D images (d)"),
        ({"images": "{case}.tif", "spacing": [3, 1, 1]}, "cpmc", "not defined for 3-D images (d)"),
    ],
)
def test_what_a_baseline_cannot_do_shows_before_any_data_are_read(dataset, method, says):
    raw = {
        "datasets": {"d": {"labels": "{case}.tif", **dataset}, "fine": {"demo": "nuclei"}},
        "experiments": {"floor": {"method": method, "datasets": ["d", "fine"]}},
    }
    found = problems(raw)
    assert list(found) == ["experiments.floor.datasets"]
    assert says in found["experiments.floor.datasets"]
    del raw["experiments"]["floor"]["datasets"]
    loaded = validate(raw)
    assert list(runs(loaded)) == [("fine", "floor")]
    assert [says in problem.what for problem in left_out(loaded)] == [True]
