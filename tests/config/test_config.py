"""The configuration: what is merged, what is an error, and what the error says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from septum.config.load import load_config, validate
from septum.config.runs import left_out, runs
from septum.config.schema import Run, canonical_json, parse_section
from septum.errors import SeptumError

ROOT = Path(__file__).resolve().parents[2]


def minimal(**changes):
    raw = {
        "datasets": {"nuclei": {"images": "i/{case}.tif", "labels": "l/{case}.tif"}},
        "experiments": {"net": {"network": "unet"}},
    }
    return {**raw, **changes}


def problems(raw) -> dict[str, str]:
    with pytest.raises(SeptumError) as error:
        validate(raw)
    return {p.where: f"{p.what} -> {p.remedy}" for p in error.value.problems}


def test_the_narrower_level_wins_key_by_key():
    raw = minimal(train={"lr": 0.5, "batch": 3})
    raw["datasets"]["nuclei"]["train"] = {"batch": 4, "epochs": 7}
    raw["experiments"]["net"]["train"] = {"epochs": 9}
    train = validate(raw).run("nuclei", "net").train
    assert (train.lr, train.batch, train.epochs, train.steps) == (0.5, 4, 9, 100)


def test_an_entry_set_to_null_is_switched_off():
    raw = minimal()
    raw["datasets"]["demo"] = None
    assert list(validate(raw).datasets) == ["nuclei"]


def test_later_files_override_earlier_ones_key_by_key(tmp_path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("datasets: {a: {images: '{case}.png'}, b: {images: '{case}.png'}}\nseed: 1\n")
    second.write_text("datasets: {b: null, a: {exclude: [x]}}\n")
    loaded = load_config(first, second, overrides={"seed": 5})
    assert list(loaded.datasets) == ["a"]
    assert loaded.datasets["a"].images == "{case}.png"
    assert loaded.datasets["a"].exclude == ["x"]
    assert loaded.seed == 5


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


def test_canonical_json_ignores_order_and_sees_a_swap():
    one = canonical_json({"lr": 1, "momentum": 2})
    assert one == canonical_json({"momentum": 2, "lr": 1}) == '{"lr":1,"momentum":2}'
    assert one != canonical_json({"lr": 2, "momentum": 1})


def test_a_section_survives_the_command_line():
    run = validate(minimal()).run("nuclei", "net")
    assert parse_section(Run, canonical_json(run)) == run


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


def test_a_bad_item_of_a_list_is_named_and_its_list_is_not_told_to_be_a_word():
    found = problems(minimal(train={"patch": [0, 64], "folds": [-1]}))
    assert sorted(found) == ["train.folds.0", "train.patch.0"]


def test_every_problem_is_reported_in_one_go():
    found = problems(minimal(trian={}, train={"lr": 0}, report={"titel": "x"}))
    assert set(found) == {"trian", "train.lr", "report.titel"}


@pytest.mark.parametrize("text", ["a: [1", "just words", ""])
def test_a_file_that_is_no_mapping_is_named(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(SeptumError, match=r"config\.yaml"):
        load_config(path)


def test_a_key_that_stands_twice_is_an_error(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text(
        "experiments:\n"
        "  a: {network: unet, seed: 1}\n"
        "  b: {network: unet, train: {lr: 1.0, lr: 2.0}}\n"
        "  a: {network: segnet}\n"
        "datasets: {cells: {images: ['{case}.png', '{case}.tif']}}\n"
    )
    with pytest.raises(SeptumError) as error:
        load_config(path)
    assert [(p.where, p.what) for p in error.value.problems] == [
        (str(path), "has experiments.b.train.lr twice, in lines 3 and 3"),
        (str(path), "has experiments.a twice, in lines 2 and 4"),
    ]


def test_shipped_configuration_states_the_defaults():
    """config.yaml shows each section's defaults, as its first lines promise."""
    loaded = load_config(ROOT / "config.yaml")
    for name in ("augment", "weights", "train", "predict", "decode", "evaluate", "report", "jobs"):
        shown, default = getattr(loaded, name), type(getattr(loaded, name))()
        assert shown == default
        assert shown.model_fields_set == set(type(shown).model_fields), name


def test_settings_are_plain_json():
    json.loads(canonical_json(load_config(ROOT / "config.yaml")))


def test_what_a_head_cannot_do_shows_once_though_several_datasets_ask():
    raw = {
        "datasets": {name: {"demo": "nuclei"} for name in ("a", "b")},
        "experiments": {
            "stars": {"network": "unet", "head": "flows", "decode": {"method": "components"}}
        },
    }
    with pytest.raises(SeptumError) as caught:
        validate(raw)
    (problem,) = caught.value.problems
    assert problem.where == "experiments.stars.decode.method"
    assert "choose one of: auto, flows" in problem.remedy


@pytest.mark.parametrize(
    ("dataset", "method", "says"),
    [
        ({"demo": "tissue"}, "watershed", "d has several (nucleus, stroma, lumen)"),
        ({"demo": "volumes"}, "cpmc", "cpmc is not defined for 3-D images (d)"),
        ({"images": "{case}.tif", "spacing": [3, 1, 1]}, "cpmc", "not defined for 3-D images (d)"),
    ],
)
def test_what_a_baseline_cannot_do_shows_before_any_data_are_read(dataset, method, says):
    raw = {
        "datasets": {"d": {"labels": "{case}.tif", **dataset}, "fine": {"demo": "nuclei"}},
        "experiments": {"floor": {"method": method, "datasets": ["d", "fine"]}},
    }
    found = problems(raw)
    assert list(found) == ["experiments.floor.datasets"]
    assert says in found["experiments.floor.datasets"]
    del raw["experiments"]["floor"]["datasets"]
    loaded = validate(raw)
    assert list(runs(loaded)) == [("fine", "floor")]
    assert [says in problem.what for problem in left_out(loaded)] == [True]


def test_a_baseline_follows_the_folds_of_its_dataset():
    raw = minimal(train={"folds": [1, 2], "lr": 0.5})
    raw["experiments"]["floor"] = {"method": "watershed", "options": {"h": 2}}
    loaded = validate(raw)
    assert loaded.folds("nuclei", "floor") == [1, 2]
    raw["datasets"]["nuclei"]["train"] = {"folds": "all"}
    raw["experiments"]["net"]["train"] = {"folds": [3]}
    loaded = validate(raw)
    assert loaded.folds("nuclei", "floor") == "all"
    assert loaded.folds("nuclei", "net") == [3]
    assert loaded.baseline("nuclei", "floor").model_dump() == {
        "dataset": "nuclei",
        "experiment": "floor",
        "method": "watershed",
        "options": {"h": 2},
    }


def test_a_crf_is_off_unless_given_and_never_for_heads_that_regress():
    crf = {"intensity_sigma": 0.1, "iterations": 5}
    loaded = validate(minimal(predict={"crf": crf})).run("nuclei", "net").predict
    assert (loaded.crf.intensity_sigma, loaded.crf.iterations) == (0.1, 5)
    assert (loaded.crf.appearance_sigma, loaded.crf.smoothness_weight) == (10.0, 3.0)
    raw = minimal()
    raw["experiments"] = {"net": {"network": "unet", "head": "flows", "predict": {"crf": crf}}}
    found = problems(raw)
    assert list(found) == ["experiments.net.predict.crf"]
    raw["experiments"]["net"]["predict"] = {"crf": False}
    assert validate(raw).run("nuclei", "net").predict.crf is None


def test_what_is_set_for_all_is_for_the_heads_that_it_fits():
    raw = minimal(predict={"crf": {"intensity_sigma": 0.1}}, decode={"method": "components"})
    raw["experiments"] = {
        "net": {"network": "unet"},
        "far": {"network": "unet", "head": "distance"},
    }
    loaded = validate(raw)
    net, far = (loaded.run("nuclei", name) for name in ("net", "far"))
    assert (net.predict.crf.intensity_sigma, net.decode.method) == (0.1, "components")
    assert (far.predict.crf, far.decode.method) == (None, "auto")
    raw["experiments"]["far"]["decode"] = {"method": "components"}
    assert list(problems(raw)) == ["experiments.far.decode.method"]


@pytest.mark.parametrize("network", ["mask_rcnn", "faster_rcnn", "panoptic_fpn"])
def test_detectors_need_windows_that_share_pixels(network):
    raw = minimal(predict={"overlap": 0})
    raw["experiments"] = {"maps": {"network": "unet"}, "boxes": {"network": network}}
    loaded = validate(raw)
    assert loaded.run("nuclei", "maps").predict.overlap == 0
    assert loaded.run("nuclei", "boxes").predict.overlap == 0.25
    raw["experiments"]["maps"]["predict"] = {"overlap": 0}
    raw["experiments"]["boxes"]["predict"] = {"overlap": 0.1}
    assert validate(raw).run("nuclei", "boxes").predict.overlap == 0.1
    for overlap in (0, 1e-17):
        raw["experiments"]["boxes"]["predict"] = {"overlap": overlap}
        found = problems(raw)
        assert list(found) == ["experiments.boxes.predict.overlap"]
        assert "counted in each" in found["experiments.boxes.predict.overlap"]
        assert "-> set it to 0.25" in found["experiments.boxes.predict.overlap"]


def test_null_takes_a_key_of_an_experiment_back():
    raw = minimal()
    raw["experiments"]["net"] |= {"head": None, "options": {"padded": True, "width": None}}
    found = validate(raw).experiments["net"]
    assert (found.head, found.options) == ("semantic", {"padded": True})


def test_where_nothing_at_all_can_be_computed_the_reasons_are_errors():
    data = {"images": "{case}.png", "labels": "l/{case}.png", "annotation": "semantic"}
    raw = {"datasets": {"d": data}, "experiments": {"far": {"network": "unet", "head": "flows"}}}
    assert list(problems(raw)) == ["experiments.far.head"]
    raw["experiments"]["floor"] = {"method": "watershed"}
    assert list(problems(raw)) == ["experiments.far.head", "experiments.floor.datasets"]
    raw["experiments"]["net"] = {"network": "unet"}
    assert list(runs(validate(raw))) == [("d", "net")]
