"""Every case of a dataset is read, and the dataset planned, before anything runs."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from checked_data import config, problems, write_data
from coco_files import write_json, write_png

from septum.commands.check.configuration import check


@pytest.fixture
def data(tmp_path):
    return write_data(tmp_path)


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


def test_duplicates_across_the_split(data):
    for i in range(6):
        (data / f"images/c{i}.png").write_bytes((data / "images/c0.png").read_bytes())
    found = problems(config(data))
    assert all("datasets.cells.split.duplicates" in line for line in found)
    check(config(data, dataset={"split": {"folds": 3, "duplicates": "allow"}}))


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
