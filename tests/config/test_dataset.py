"""The section of a dataset."""

from __future__ import annotations

import pytest
from small_config import minimal, problems

from septum.config.load import validate


def test_classes_may_be_plain_names():
    raw = minimal()
    raw["datasets"]["nuclei"].update(annotation="semantic", classes={1: "cell"})
    assert validate(raw).datasets["nuclei"].classes[1].kind == "stuff"
    raw["datasets"]["nuclei"].update(annotation="instance")
    assert validate(raw).datasets["nuclei"].classes[1].kind == "thing"


def test_a_demo_knows_its_annotation_and_classes():
    loaded = validate({"datasets": {"d": {"demo": "tissue"}}})
    assert loaded.datasets["d"].annotation == "panoptic"
    assert {c.kind for c in loaded.datasets["d"].classes.values()} == {"thing", "stuff"}


@pytest.mark.parametrize(
    ("dataset", "where", "says"),
    [
        ({}, "datasets.d", "either images or demo"),
        ({"images": "{case}.png", "demo": "nuclei"}, "datasets.d", "not both"),
        ({"images": "all.png"}, "datasets.d.images", "no {case}"),
        ({"images": "{case}.png", "split": {"tset": 0}}, "datasets.d.split.tset", "'test'"),
        ({"images": "{case}.png", "classes": {0: "x"}}, "datasets.d.classes.0", "greater"),
        ({"images": "{case}.png", "annotation": "panoptic"}, "datasets.d.classes", "are needed"),
        ({"images": "{case}.png", "labels": "{case}.tif", "annotation": "panoptic",
          "classes": {1: {"name": "myelin", "kind": "stuff"}}},
         "datasets.d.classes", "say `annotation: semantic`"),
        ({"images": "{case}.png", "weights": {"sigm": 3}}, "datasets.d.weights.sigm", "'sigma'"),
        ({"images": "{case}.png", "split": {"test": []}}, "datasets.d.split.test", "[]"),
        ({"demo": "nuclie"}, "datasets.d.demo", "'nuclei'"),
        ({"images": "{case}.png", "classes": {1: ""}}, "datasets.d.classes.1.name", "be empty"),
        ({"images": "{case}.png", "classes": {1: "a", 2: "a"}}, "datasets.d.classes",
         "1 and 2 are both called 'a'"),
        ({"images": "{case}.png", "classes": {1: {"name": "a", "colour": "red"}}},
         "datasets.d.classes.1.colour", "six hex digits"),
    ],
)  # fmt: skip
def test_each_mistake_in_a_dataset_names_its_key(dataset, where, says):
    found = problems({"datasets": {"d": dataset}})
    assert says in next(text for key, text in found.items() if key.startswith(where))
