"""Merges of two experiments: what is refused before anything runs."""

from __future__ import annotations

import pytest

from septum.config.load import validate
from septum.config.runs import left_out, runs
from septum.errors import SeptumError

PANOPTIC = {
    "images": "{case}.png",
    "labels": "{case}.tif",
    "annotation": "panoptic",
    "classes": {1: "axon", 2: {"name": "myelin", "kind": "stuff"}},
}


def raw(merge, **more):
    experiments = {
        "boxes": {"network": "mask_rcnn"},
        "pixels": {"network": "fcn8s"},
        "both": {"merge": merge, **more},
    }
    return {"datasets": {"nerve": PANOPTIC}, "experiments": experiments}


def test_a_merge_runs_where_things_and_stuff_are_annotated():
    given = raw({"instances": "boxes", "semantic": "pixels"})
    given["datasets"]["nuclei"] = {"images": "{case}.png", "labels": "{case}.tif"}
    found = validate(given)
    computed = list(runs(found))
    assert ("nerve", "both") in computed
    assert ("nuclei", "both") not in computed
    assert any("annotation of nuclei is 'instance'" in p.what for p in left_out(found))
    assert found.folds("nerve", "both") == [0]


@pytest.mark.parametrize(
    ("merge", "more", "key", "words"),
    [
        ({"instances": "box", "semantic": "pixels"}, {}, "merge.instances", "did you mean 'boxes'"),
        ({"instances": "boxes", "semantic": "both"}, {}, "merge.semantic", "is a merge itself"),
        ({"instances": "boxes", "semantic": "boxes"}, {}, "merge", "with itself"),
        ({"instances": "boxes"}, {}, "merge.semantic", "is missing"),
        ({"instances": "pixels", "semantic": "boxes"}, {}, "merge.semantic", "two swapped"),
        (
            {"instances": "boxes", "semantic": "pixels"},
            {"train": {"lr": 1}},
            "train",
            "is for networks",
        ),
        (
            {"instances": "boxes", "semantic": "pixels"},
            {"network": "unet"},
            "",
            "names both a network (unet) and a merge (boxes + pixels)",
        ),
    ],
)
def test_what_cannot_be_merged_is_said(merge, more, key, words):
    with pytest.raises(SeptumError) as error:
        validate(raw(merge, **more))
    assert [p.where for p in error.value.problems] == [f"experiments.both.{key}".rstrip(".")]
    assert words in str(error.value)


def test_both_must_be_trained_on_the_same_folds():
    given = raw({"instances": "boxes", "semantic": "pixels"}, datasets=["nerve"])
    given["experiments"]["pixels"]["train"] = {"folds": [1]}
    with pytest.raises(SeptumError, match=r"different folds of nerve: \[0\] and \[1\]"):
        validate(given)
