"""The patterns of a dataset and the ways to keep its labels."""

from __future__ import annotations

import pytest

from septum.config.checks.label_files import pattern_checks
from septum.config.dataset import Dataset

CLASSES = {1: "nucleus", 2: {"name": "stroma", "kind": "stuff"}}
PANOPTIC = {"images": "{case}.tif", "annotation": "panoptic", "classes": CLASSES}


@pytest.mark.parametrize(
    ("dataset", "where", "what"),
    [
        ({"images": "{case}.tif", "demo": "nuclei"}, "d", "needs either images or demo"),
        ({"images": "all.tif"}, "d.images", "has no {case}"),
        (
            {"images": "{case}.tif", "labels": "{case}.png", "instances": "{case}_i.png"},
            "d.instances",
            "is for `annotation: panoptic`, and not for instance",
        ),
        (PANOPTIC | {"instances": "{case}_i.png"}, "d.instances", "is given without `labels`"),
        (
            PANOPTIC | {"labels": "{case}.png", "segments": "{case}.json"},
            "d.segments",
            "is one file for all cases",
        ),
        (
            PANOPTIC | {"labels": "{case}_{class}.png", "void": 0},
            "d.void",
            "is 0, and each pixel is 0 in the maps of all classes but its own",
        ),
        (PANOPTIC | {"labels": "{case}.png", "void": 2}, "d.void", "is also a class (stroma)"),
    ],
)
def test_what_is_wrong_is_said_of_its_key(dataset, where, what):
    (problem,) = pattern_checks("d", Dataset.model_validate(dataset))
    assert problem.where == where
    assert what in problem.what


def test_two_ways_to_keep_labels_exclude_each_other():
    both = {"labels": "{case}.png", "instances": "{case}_i.png", "segments": "all.json"}
    (problem,) = pattern_checks("d", Dataset.model_validate(PANOPTIC | both))
    assert "mixes two ways to keep panoptic labels (instances and segments)" in problem.what


@pytest.mark.parametrize(
    "labels", [{}, {"labels": "{case}.png"}, {"labels": "{case}_{class}.png", "void": 255}]
)
def test_what_is_right_is_passed(labels):
    assert not list(pattern_checks("d", Dataset.model_validate(PANOPTIC | labels)))
