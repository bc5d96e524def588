"""What a merge was tuned to."""

from __future__ import annotations

import json

import pytest

from septum.classical.fitted import read_record
from septum.errors import SeptumError
from septum.stages.merge.record import Merged, common_merge

RECORD = {
    "format_version": 1,
    "septum_version": "0.1.0",
    "method": "panoptic_merge",
    "merge": {"instances": "objects", "semantic": "pixels"},
    "parameters": {"threshold": 0.3, "min_stuff": 64},
    "score": 0.5,
    "spatial_dims": 2,
    "in_channels": 1,
    "annotation": "panoptic",
    "classes": {"1": {"name": "cell", "kind": "thing"}, "2": {"name": "matrix", "kind": "stuff"}},
    "spacing": [1.0, 1.0],
    "unit": "pixel",
}


def test_it_is_read_with_its_two_experiments(tmp_path):
    path = tmp_path / "parameters.json"
    path.write_text(json.dumps(RECORD))
    record = read_record(path, Merged)
    assert (record.merge.instances, record.merge.semantic) == ("objects", "pixels")
    assert [spec.name for spec in record.classes.values()] == ["cell", "matrix"]


def test_that_of_a_baseline_is_none(tmp_path):
    path = tmp_path / "parameters.json"
    path.write_text(json.dumps({k: v for k, v in RECORD.items() if k != "merge"}))
    with pytest.raises(SeptumError, match="holds no parameters of a merge"):
        read_record(path, Merged)


def test_the_limits_of_several_folds_are_their_medians():
    limits = [(0.3, 64), (0.7, 0), (0.5, 16)]
    folds = [
        Merged.model_validate({**RECORD, "parameters": {"threshold": t, "min_stuff": m}})
        for t, m in limits
    ]
    assert common_merge(folds).parameters == {"threshold": 0.5, "min_stuff": 16}
    assert common_merge(folds[1:2]).parameters == {"threshold": 0.7, "min_stuff": 0}
    assert common_merge(folds).merge == folds[0].merge
    # the records themselves stay as they are
    assert folds[0].parameters == {"threshold": 0.3, "min_stuff": 64}
