"""Mistakes in the words of someone who writes YAML."""

from __future__ import annotations

import pytest
from small_config import minimal, problems


@pytest.mark.parametrize(
    ("change", "where", "says"),
    [
        ({"train": {"learning_rate": 1}}, "train.learning_rate", "is not a known key"),
        ({"train": {"epoch": 1}}, "train.epoch", "did you mean 'epochs'"),
        ({"train": {"lr": -1.0}}, "train.lr", "greater than 0"),
        ({"train": {"lr": float("nan")}}, "train.lr", "finite"),
        ({"train": {"device": "gpus"}}, "train.device", "'auto', 'cpu' or 'gpu'"),
        ({"train": {"patch": "large"}}, "train.patch", "or say 'auto'"),
        ({"train": {"cross_entropy": 0, "dice": 0}}, "train", "nothing to train on"),
        ({"results": ""}, "results", "cannot be ''"),
        ({"results": "/"}, "results", "it must be a folder below /"),
        ({"train": {"folds": []}}, "train.folds", "it must not be empty, or say 'all'"),
        ({"results": "out/<temp>"}, "results", "cannot be 'out/<temp>'"),
        ({"jobs": {"cases_per_job": 0}}, "jobs.cases_per_job", "0"),
        ({"experiments": {"Demo": {"network": "unet"}}}, "experiments.Demo", "another name"),
        ({"experiments": {"": {"network": "unet"}}}, "experiments.''", "another name"),
        ({"train": {"epochs": 1.5}}, "train.epochs", "it must be a whole number"),
        ({"train": {"flip": "maybe"}}, "train.flip", "it must be true or false"),
        ({"train": [1]}, "train", "it must be keys with values"),
        ({"train": {"folds": 0}}, "train.folds", "it must be a list, or say 'all'"),
        ({"experiments": {7: {"network": "unet"}}}, "experiments.7", "in quotes"),
        ({"datasets": {"A": {"demo": "nuclei"}, "a": {"demo": "nuclei"}}}, "datasets.a", "'A' by"),
        ({"predict": {"crf": True}}, "predict.crf", "keys with values"),
        ({"predict": {"crf": {}}}, "predict.crf.intensity_sigma", "is missing"),
        ({"predict": {"crf": {"intensity_sigma": 0}}}, "predict.crf.intensity_sigma", "than 0"),
        ({"predict": {"crf": {"sigma": 1}}}, "predict.crf.sigma", "intensity_sigma"),
        ({"seed": -1}, "seed", "greater than or equal to 0"),
        ({"datasets": {}}, "datasets", "describe at least one dataset"),
        ({"experiments": {"x": {}}}, "experiments.x", "neither a network nor a method"),
        (
            {"experiments": {"x": {"network": "fcn8s", "pretrained": "https://no.example/v.pth"}}},
            "experiments.x.pretrained",
            "no checksum, in its name or beside it -> give {source: …, sha256: …}",
        ),
        (
            {"experiments": {"x": {"network": "unet", "datasets": ["nuclie"]}}},
            "experiments.x.datasets",
            "did you mean 'nuclei'",
        ),
        (
            {"experiments": {"x": {"network": "unet", "train": {"folds": [5]}}}},
            "experiments.x.train.folds",
            "folds 0 to 4",
        ),
        (
            {"experiments": {"x": {"network": "unet", "train": {"optimiser": "sgd"}}}},
            "experiments.x.train.optimiser",
            "did you mean 'optimizer'",
        ),
    ],
)
def test_each_mistake_names_its_key_and_a_remedy(change, where, says):
    assert says in problems(minimal(**change))[where]


def test_a_bad_item_of_a_list_is_named_and_its_list_is_not_told_to_be_a_word():
    found = problems(minimal(train={"patch": [0, 64], "folds": [-1]}))
    assert sorted(found) == ["train.folds.0", "train.patch.0"]
