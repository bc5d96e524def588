"""Experiments are checked on the data before anything runs."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
import torch
from checked_data import config, problems, write_data

from septum.commands.check.configuration import check


@pytest.fixture
def data(tmp_path):
    return write_data(tmp_path)


def test_a_merge_of_two_experiments_is_checked_like_the_others(data, capsys):
    for path in (data / "labels").iterdir():
        labels = tifffile.imread(path)
        tifffile.imwrite(path, np.where(labels > 0, 1000 + labels, 2000).astype(np.uint16))
    classes = {1: "cell", 2: {"name": "medium", "kind": "stuff"}}
    experiments = {
        "unet": {"network": "unet", "options": {"depth": 2, "width": 4}},
        "other": {"network": "unet", "options": {"depth": 2, "width": 2}},
        "both": {"merge": {"instances": "unet", "semantic": "other"}},
    }
    dataset = {"annotation": "panoptic", "classes": classes}
    check(config(data, dataset=dataset, experiments=experiments))
    assert capsys.readouterr().out.splitlines()[-1] == "no problem found"


def test_a_fold_that_the_split_file_does_not_have(data):
    parts = {"test": ["c0"], "val": ["c1"], "train": [f"c{i}" for i in range(2, 8)]}
    (data / "split.json").write_text(json.dumps(parts))
    settings = config(
        data,
        dataset={"split": {"file": "split.json"}},
        experiment={"train": {"folds": [0, 1]}},
    )
    (line,) = problems(settings)
    assert "experiments.unet.train.folds: asks for fold 1, but the split of cells has 1" in line


@pytest.mark.parametrize(
    ("experiment", "message"),
    [
        ({"options": {"widht": 4}}, "experiments.unet.options.widht"),
        ({"options": {"depth": "deep"}}, "experiments.unet.options.depth"),
        ({"train": {"patch": [32, 32, 32]}}, "experiments.unet.train.patch: has 3 sizes"),
        ({"predict": {"tile": [64]}}, "experiments.unet.predict.tile: has 1 sizes"),
    ],
)
def test_a_bad_experiment(data, experiment, message):
    (line,) = problems(config(data, experiment=experiment))
    assert message in line


def test_a_patch_larger_than_the_images_is_fine(data):
    check(config(data, experiment={"train": {"patch": [512, 512]}}))


def test_what_a_training_cannot_start_from(data):
    torch.save({"features.0.weight": torch.zeros(4, 3, 3, 3)}, data / "vgg.pth")
    small = {"options": {"width": 1 / 16}}
    experiments = {
        "bare": {"network": "unet", "pretrained": "vgg.pth"},
        "absent": {"network": "fcn8s", "pretrained": "no.pth", **small},
        "partial": {"network": "fcn8s", "pretrained": "vgg.pth", **small},
        "address": {
            "network": "fcn8s",
            "pretrained": "https://no.example/vgg-397923af.pth",
            **small,
        },
        "first": {"network": "fcn32s", **small},
        "next": {"network": "fcn8s", "start_from": "first", **small},
        "other": {"network": "unet", "start_from": "first"},
    }
    found = problems(config(data, experiments=experiments))
    assert found[:2] == [
        f"experiments.absent.pretrained: {data / 'no.pth'} does not exist",
        "experiments.bare.pretrained: is given, but the network 'unet' has no backbone to start "
        "from it",
    ]
    assert found[2].startswith(f"{data / 'vgg.pth'}: 25 of 26 tensors do not fit")
    assert found[3].startswith("experiments.other.start_from: 'first' cannot be started from")
    assert len(found) == 4
