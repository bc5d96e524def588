"""Delivery of an experiment: which files there are, and what is refused."""

from __future__ import annotations

import os

import pytest
from delivered import deliver

from septum.errors import SeptumError


def test_the_files_that_are_asked_for(tmp_path):
    maps = ["a.tif", "a_classes.tif"]
    assert sorted(os.listdir(deliver(tmp_path, []))) == maps
    out = deliver(tmp_path, ["table", "coco"])
    assert sorted(os.listdir(out)) == [*maps[:1], "a_classes.tif", "a_objects.csv", "coco.json"]


def test_what_cannot_be_delivered_is_refused(tmp_path):
    with pytest.raises(
        SeptumError, match=r"export\.formats: coco is for objects(?s:.)*datasets\.d"
    ):
        deliver(tmp_path, ["coco"], annotation="semantic")
    assert not (tmp_path / "out").exists()
