"""Configuration and data audited before anything runs: septum.commands.check.audit."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
import torch
from coco_files import write_json, write_png
from PIL import Image

from septum.commands.check.configuration import check
from septum.config.load import validate
from septum.errors import SeptumError


def discs(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y, x = np.ogrid[:64, :64]
    labels = np.zeros((64, 64), np.uint16)
    for index in range(4):
        row, column = (16 + 32 * k + rng.integers(-6, 7) for k in divmod(index, 2))
        labels[(y - row) ** 2 + (x - column) ** 2 <= 36] = index + 1
    image = 20 + (labels > 0) * 150 + rng.normal(0, 8, labels.shape)
    return image.clip(0, 255).astype(np.uint8), labels


@pytest.fixture
def data(tmp_path):
    """Return a folder with eight good cases, images/c0.png … and labels/c0.tif …"""
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for i in range(8):
        image, labels = discs(i)
        Image.fromarray(image).save(tmp_path / f"images/c{i}.png")
        tifffile.imwrite(tmp_path / f"labels/c{i}.tif", labels)
    return tmp_path


def config(data, *, dataset=None, experiment=None, **top):
    cells = {"images": "images/{case}.png", "labels": "labels/{case}.tif", "split": {"folds": 3}}
    unet = {"network": "unet", "options": {"depth": 2, "width": 4}}
    return validate(
        {
            "results": str(data / "results"),
            "data_root": str(data),
            "datasets": {"cells": cells | (dataset or {})},
            "experiments": {"unet": unet | (experiment or {})},
        }
        | top
    )


def problems(settings) -> list[str]:
    with pytest.raises(SeptumError) as error:
        check(settings)
    assert all(p.where and p.what and p.remedy for p in error.value.problems)
    return [f"{p.where}: {p.what}" for p in error.value.problems]


def test_good_data_gives_a_table_and_leaves_nothing_behind(data, capsys):
    before = sorted(data.rglob("*"))
    check(config(data))
    head, row, *_, last = capsys.readouterr().out.splitlines()
    assert head.startswith("dataset  cases  labelled  size   spacing  objects  classes  test/folds")
    assert row.split() == ["cells", "8", "8", "64×64", "1×1", "px", "32", "object", "2/3"]
    assert last == "no problem found"
    assert sorted(data.rglob("*")) == before


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


def test_problems_of_all_cases_and_datasets_at_once(data):
    good = (data / "images/c1.png").read_bytes()
    (data / "images/c1.png").write_bytes(good[: len(good) // 2])
    tifffile.imwrite(data / "labels/c2.tif", np.zeros((32, 64), np.uint16))
    tifffile.imwrite(data / "labels/c3.tif", np.full((64, 64), 0.5, np.float32))
    Image.fromarray(np.full((64, 64), 7, np.uint8)).save(data / "images/c4.png")
    other = {"images": "nowhere/{case}.png", "labels": "labels/{case}.tif"}
    settings = config(data)
    settings = validate(settings.model_dump(mode="json") | {
        "datasets": settings.model_dump(mode="json")["datasets"] | {"other": other}
    })  # fmt: skip
    found = problems(settings)
    for place in ("c1.png", "c2.tif", "c3.tif", "c4.png", "datasets.other.images"):
        assert sum(place in line.split(": ")[0] for line in found) == 1, place


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"test": ["c0"], "val": ["c1"], "train": ["c2"]}, "does not list 'c3', 'c4'"),
        ("{", "is not valid JSON"),
        (None, "does not exist"),
    ],
)
def test_a_bad_split_file(data, split, message):
    if split is not None:
        text = split if isinstance(split, str) else json.dumps(split)
        (data / "split.json").write_text(text)
    found = problems(config(data, dataset={"split": {"file": "split.json"}}))
    assert len(found) == 1
    assert "split.json" in found[0]
    assert message in found[0]


def test_a_bad_split_file_beside_bad_data(data):
    (data / "images/c1.png").write_bytes(b"no image")
    found = problems(config(data, dataset={"split": {"file": "split.json"}}))
    assert len(found) == 2


def test_too_few_cases_for_the_folds(data):
    (line,) = problems(config(data, dataset={"split": {"folds": 12}}))
    assert "datasets.cells.split.folds: 8 annotated cases are too few for 12 folds" in line


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


def test_duplicates_across_the_split(data):
    for i in range(6):
        (data / f"images/c{i}.png").write_bytes((data / "images/c0.png").read_bytes())
    found = problems(config(data))
    assert all("datasets.cells.split.duplicates" in line for line in found)
    check(config(data, dataset={"split": {"folds": 3, "duplicates": "allow"}}))


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


def test_a_demo_that_is_not_drawn_yet(data, capsys):
    check(config(data, datasets={"demo": {"demo": "nuclei"}}))
    assert "demo: 26 simulated cases, drawn when the run starts" in capsys.readouterr().out


def test_a_dataset_without_labels_is_pointed_out(data, capsys):
    check(config(data))
    assert "no network is trained" not in capsys.readouterr().out
    check(config(data, dataset={"labels": None}))
    out = capsys.readouterr().out
    assert "note: cells: no network is trained on it and nothing is scored, since it has no " in out
    assert "give datasets.cells.labels, or segment its images with a model file" in out
    assert "septum predict IMAGE… --model FILE" in out


def test_pixels_and_objects_that_are_no_objects_of_things_are_pointed_out(data, capsys):
    (data / "classes").mkdir()
    for i in range(8):
        labels = tifffile.imread(data / f"labels/c{i}.tif")
        classes = np.array([0, 1, 1, 2, 1], np.uint8)[labels]  # the third object is of stuff
        tifffile.imwrite(data / f"classes/c{i}.tif", classes)
    labels[labels == 4] = 0
    tifffile.imwrite(data / "labels/c7.tif", labels)
    changes = {"labels": "classes/{case}.tif", "instances": "labels/{case}.tif"}
    changes["classes"] = {1: "cell", 2: {"name": "matrix", "kind": "stuff"}}
    check(config(data, dataset=changes | {"annotation": "panoptic"}))
    text = capsys.readouterr().out
    # a disc of radius 6 has 113 pixels
    assert "cells: 113 pixels of things belong to no object, but to their class (in c7)" in text
    assert "cells: 8 objects are of stuff, and taken for their class only (in c0, c1," in text
    assert text.split("class only (in ")[1].startswith("c0, c1, c2, c3, c4, … (8 in all))")
    assert "999" not in text

    # in one number an object too many is one of the next class
    (data / "panoptic").mkdir()
    for i in range(8):
        labels = tifffile.imread(data / f"labels/c{i}.tif")
        numbers = np.array([0, 1998, 1999, 2000, 2001], np.uint16)[labels]
        tifffile.imwrite(data / f"panoptic/c{i}.tif", numbers)
    del changes["instances"]
    changes["labels"] = "panoptic/{case}.tif"
    check(config(data, dataset=changes | {"annotation": "panoptic"}))
    text = capsys.readouterr().out
    assert "7 objects are of stuff" in text  # c7 has no fourth object
    assert "; more than 999 objects of a class run over into the next class\n" in text


def test_images_that_coco_s_file_names_and_that_are_not_there_are_pointed_out(data, capsys):
    (data / "png").mkdir()
    named = {"lost.png": []}
    for i in range(8):
        labels = tifffile.imread(data / f"labels/c{i}.tif")
        write_png(data / f"png/c{i}.png", labels)
        named[f"c{i}.png"] = [(number, 7) for number in range(1, 5)]
    changes = {"labels": "png/{case}.png", "segments": "s.json", "annotation": "panoptic"}
    write_json(data / "s.json", named)
    check(config(data, dataset=changes))
    what = f"{data}/s.json names images that have no file here, or are excluded: lost.png\n"
    assert what in capsys.readouterr().out
    del named["lost.png"]
    write_json(data / "s.json", named)
    check(config(data, dataset=changes))
    assert "names images" not in capsys.readouterr().out


def test_too_little_room_is_a_note(data, capsys, monkeypatch):
    """Eight cases and their copies do not fit into 1 kB."""
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1000, 0, 1000))
    check(config(data))
    assert "results may take up to 0.0 GB" in capsys.readouterr().out


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


def test_formats_that_a_dataset_cannot_have(data):
    cells = {"annotation": "semantic"}
    found = problems(config(data, dataset=cells, export={"formats": ["coco", "geojson", "table"]}))
    assert found == ["export.formats: coco is for objects, and cells has classes only"]
    cells["export"] = {"formats": ["table"]}
    check(config(data, dataset=cells, export={"formats": ["coco"]}))
    cells["export"] = {"formats": ["coco"]}
    (problem,) = problems(config(data, dataset=cells))
    assert problem.startswith("datasets.cells.export.formats: coco")
    with pytest.raises(SeptumError, match=r"export\.formats"):
        config(data, export={"formats": ["png"]})
