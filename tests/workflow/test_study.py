"""What a configuration comes to."""

from __future__ import annotations

import pytest
from small_study import small_study

from septum.errors import SeptumError

# the digest is the first eight digits of `printf 'both (1)' | sha256sum`
BOTH = "both_1-067df25a"


def test_folders_have_safe_names_and_keep_those_of_the_configuration(tmp_path):
    study = small_study(tmp_path)
    assert study.datasets == {"demo": "demo", "cells": "cells"}
    assert study.experiments[BOTH] == "both (1)"
    assert study.paths.results == "out"


def test_runs_are_the_pairs_that_fit_each_other(tmp_path):
    study = small_study(tmp_path)
    assert study.runs == [
        ("demo", "objects"),
        ("demo", "pixels"),
        ("demo", "fine"),
        ("demo", BOTH),
        ("cells", "objects"),
        ("cells", "pixels"),
        ("cells", "fine"),
        ("cells", "floor"),
    ]
    assert study.runs_of("cells") == study.runs[4:]
    assert study.scored_datasets() == ["cells", "demo"]
    (left_out,) = study.left_out()
    assert left_out.where == "experiments.both (1).merge"
    assert "annotation of cells is 'instance'" in left_out.what


def test_kinds_of_experiments(tmp_path):
    study = small_study(tmp_path)
    assert study.of_kind("network") == ["objects", "pixels", "fine"]
    assert study.of_kind("classical") == ["floor"]
    assert study.of_kind("merged") == [BOTH]


def test_every_fold_is_trained_where_all_are_asked_for(tmp_path):
    (tmp_path / "split.json").write_text('{"folds": [{"val": ["a"]}, {"val": ["b", "c"]}]}')
    study = small_study(tmp_path, train={"folds": "all"})
    assert study.folds("demo", "pixels") == [0, 1, 2, 3, 4]
    study = small_study(tmp_path, train={"folds": [2, 0, 2]})
    assert study.folds("demo", "pixels") == [0, 2]
    assert study.folds("demo", BOTH) == [0, 2]


def test_models_are_a_file_a_fold(tmp_path):
    study = small_study(tmp_path)
    assert study.models("demo", "pixels") == [
        "out/demo/pixels/fold0/model.safetensors",
        "out/demo/pixels/fold2/model.safetensors",
    ]
    assert study.models("cells", "floor") == [
        "out/cells/floor/fold0/parameters.json",
        "out/cells/floor/fold2/parameters.json",
    ]


def test_trainings_are_counted_with_their_folds(tmp_path):
    # three networks on two datasets, two folds each
    assert small_study(tmp_path).trainings() == 12


def test_the_largest_case_of_a_batch_and_of_a_dataset(tmp_path):
    study = small_study(tmp_path)
    (tmp_path / "images/c.tif").write_bytes(bytes(700))
    sizes = {batch: study.largest_case("cells", batch) for batch in study.batches["cells"]}
    # `c` is alone in its batch
    assert sizes == {"1of2": 700, "2of2": 100}
    assert study.largest_case("cells") == 700


def test_sections_are_read_once(tmp_path):
    study = small_study(tmp_path)
    assert study.settings("demo", "pixels") is study.settings("demo", "pixels")
    assert study.section("demo", "augment") is study.section("demo", "augment")


def test_a_checkpoint_is_missed_until_its_trainings_are_done(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    experiments = {"pixels": {"network": "fcn8s", "pretrained": "vgg.pth", "seed": [1, 2]}}
    study = small_study(tmp_path, experiments=experiments)
    (missing,) = study.missing_checkpoints()  # once, and not once a seed
    assert missing.where == "experiments.pixels.pretrained"
    assert f"{tmp_path}/vgg.pth does not exist" in missing.what
    for run in study.runs:
        for fold in (0, 2):
            weights = (
                tmp_path / f"out/{run.dataset}/{run.experiment}/fold{fold}/weights.safetensors"
            )
            weights.parent.mkdir(parents=True)
            weights.touch()
    assert study.missing_checkpoints() == []


def test_all_that_is_wrong_with_a_configuration(tmp_path):
    with pytest.raises(SeptumError, match="trian"):
        small_study(tmp_path, trian={})
    with pytest.raises(SeptumError, match="matches nothing"):
        small_study(tmp_path, datasets={"x": {"images": "none/{case}.tif"}}, experiments={})
