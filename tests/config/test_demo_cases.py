"""The cases that the demo datasets promise before they are drawn."""

from __future__ import annotations

import pytest

from septum.config.demo_cases import DEMO_CASES


@pytest.mark.parametrize(
    ("name", "annotated", "unlabelled", "axes", "annotation"),
    [
        ("nuclei", 24, 2, 2, "instance"),
        ("tissue", 12, 1, 2, "panoptic"),
        ("volumes", 6, 1, 3, "instance"),
    ],
)
def test_the_demos(name, annotated, unlabelled, axes, annotation):
    demo = DEMO_CASES[name]
    assert len(demo.cases) == annotated + unlabelled
    assert len(demo.unlabelled) == unlabelled
    assert set(demo.unlabelled) <= set(demo.cases)
    assert list(demo.cases) == sorted(set(demo.cases))
    assert (demo.spatial_dims, demo.annotation) == (axes, annotation)
    assert {kind for _, kind in demo.classes.values()} <= {"thing", "stuff"}
