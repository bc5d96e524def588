"""Experiments are of one kind, and have the keys of that kind."""

from __future__ import annotations

import pytest

from septum.config.checks.kinds import kind_checks
from septum.config.experiment import Experiment


@pytest.mark.parametrize(
    ("experiment", "where", "what"),
    [
        ({}, "e", "names neither a network nor a method"),
        ({"network": "unet", "method": "cpmc"}, "e", "names both a network (unet) and a method"),
        ({"network": "unett"}, "e.network", "there is no network 'unett'"),
        ({"network": "cpmc"}, "e.network", "is a classical baseline, not a network"),
        ({"method": "unet"}, "e.method", "is a network, not a classical baseline"),
        ({"method": "cpcm"}, "e.method", "there is no classical baseline 'cpcm'"),
        ({"method": "cpmc", "train": {}}, "e.train", "is for networks, and a baseline has none"),
        ({"network": "mask_rcnn", "head": "stardist"}, "e.head", "has no maps for the head"),
        ({"network": "unet", "head": "panoptic"}, "e.head", "finds no objects by itself"),
        ({"merge": {"instances": "a", "semantic": "b"}, "seed": 1}, "e.seed", "is for networks"),
    ],
)
def test_what_is_wrong_is_said_of_its_key(experiment, where, what):
    (problem,) = kind_checks("e", Experiment.model_validate(experiment))
    assert problem.where == where
    assert what in problem.what


@pytest.mark.parametrize(
    "experiment",
    [
        {"network": "unet"},
        {"network": "monai:DynUNet", "head": "flows"},
        {"network": "panoptic_fpn"},
        {"method": "cpmc", "options": {}},
        {"merge": {"instances": "a", "semantic": "b"}},
    ],
)
def test_what_is_right_is_passed(experiment):
    assert not list(kind_checks("e", Experiment.model_validate(experiment)))
