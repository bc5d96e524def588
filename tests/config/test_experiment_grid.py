"""Entries with lists: which experiments they stand for, and what mistakes in them say."""

from __future__ import annotations

import pytest

from septum.commands.check.configuration import check
from septum.config.load import validate
from septum.config.runs import left_out, runs
from septum.errors import SeptumError


def raw(**experiments):
    return {"datasets": {"d": {"demo": "nuclei"}}, "experiments": experiments}


def problems(settings) -> dict[str, str]:
    with pytest.raises(SeptumError) as error:
        validate(settings)
    found = error.value.problems
    assert len({p.where for p in found}) == len(found)
    return {p.where: f"{p.what} -> {p.remedy}" for p in found}


def test_a_cross_product_of_networks_heads_and_seeds():
    entry = {"network": ["unet", "monai:DynUNet"], "head": ["semantic", "border"], "seed": [3, 8]}
    loaded = validate(raw(grid=entry, plain={"network": "unet"}))
    found = {n: (e.network, e.head, e.seed) for n, e in loaded.experiments.items()}
    assert list(found.items()) == [
        ("grid-unet-semantic-seed3", ("unet", "semantic", 3)),
        ("grid-unet-semantic-seed8", ("unet", "semantic", 8)),
        ("grid-unet-border-seed3", ("unet", "border", 3)),
        ("grid-unet-border-seed8", ("unet", "border", 8)),
        ("grid-monai_DynUNet-semantic-seed3", ("monai:DynUNet", "semantic", 3)),
        ("grid-monai_DynUNet-semantic-seed8", ("monai:DynUNet", "semantic", 8)),
        ("grid-monai_DynUNet-border-seed3", ("monai:DynUNet", "border", 3)),
        ("grid-monai_DynUNet-border-seed8", ("monai:DynUNet", "border", 8)),
        ("plain", ("unet", "semantic", None)),
    ]
    assert list(runs(loaded)) == [("d", name) for name in found]


def test_only_lists_are_named_and_an_element_more_changes_no_other_name():
    entry = {"network": "unet", "head": "border", "seed": [1]}
    assert list(validate(raw(a=entry)).experiments) == ["a-seed1"]
    entry["seed"] = [0, 1]
    assert list(validate(raw(a=entry)).experiments) == ["a-seed0", "a-seed1"]


@pytest.mark.parametrize("first", ["grid", "grid-unet"])
def test_a_combination_is_switched_off_by_its_name(first):
    entries = {"grid": {"network": ["unet", "fcn8s", "segnet"]}, "grid-unet": None}
    entries = {first: entries[first], **entries}
    assert list(validate(raw(**entries)).experiments) == ["grid-fcn8s", "grid-segnet"]
    staged = {"network": ["segnet"], "start_from": "grid"}
    found = validate(raw(**entries, next=staged)).experiments["next-segnet"]
    assert found.start_from == "grid-segnet"


def test_options_of_a_network_win_over_those_of_the_entry():
    entry = {
        "network": {"unet": {"width": 16}, "fcn8s": {}},
        "options": {"width": 4, "dropout": 0.1},
        "train": {"epochs": 7},
    }
    found = validate(raw(a=entry)).experiments
    assert found["a-unet"].options == {"width": 16, "dropout": 0.1}
    assert found["a-fcn8s"].options == {"width": 4, "dropout": 0.1}
    assert [e.train for e in found.values()] == [{"epochs": 7}, {"epochs": 7}]
    assert entry["options"] == {"width": 4, "dropout": 0.1}


def test_the_seed_of_an_experiment_is_its_own_or_that_of_all():
    settings = {**raw(a={"network": "unet", "seed": 5}, b={"network": "unet"}), "seed": 2}
    loaded = validate(settings)
    assert [loaded.train_seed(name) for name in "ab"] == [5, 2]


@pytest.mark.parametrize(
    ("entry", "where", "says"),
    [
        ({"network": []}, "grid.network", "is empty"),
        ({"network": {}}, "grid.network", "is empty"),
        ({"network": ["unet", "unet"]}, "grid.network", "'unet' twice"),
        ({"network": "unet", "seed": [1, 1]}, "grid.seed", "1 twice"),
        ({"network": "unet", "seed": [None]}, "grid.seed", "holds None"),
        ({"network": "unet", "seed": [1.5]}, "grid.seed", "holds 1.5"),
        ({"network": "unet", "seed": [1, -1]}, "grid.seed", "greater than or equal to 0"),
        ({"network": {"unet": None}}, "grid.network.unet", "{} for none"),
        ({"network": ["unet", "fcn"]}, "grid.network", "there is no network 'fcn'"),
        ({"network": ["unet", "fcn8s"], "head": "boder"}, "grid.head", "cannot be 'boder'"),
        ({"network": ["unet", "fcn8s"], "options": 3}, "grid.options", "cannot be 3"),
        ({"network": {"unet": {"width": 2}}, "options": 3}, "grid.options", "cannot be 3"),
        ({"network": ["unet", "fcn8s"], "train": {"epoch": 3}}, "grid.train.epoch", "'epochs'"),
        ({"network": "unet", "head": ["flows"], "datasets": ["d"]}, "grid.head", "classes only"),
    ],
)
def test_a_mistake_shows_once_and_at_the_key_that_was_written(entry, where, says):
    settings = raw(grid=entry)
    settings["datasets"] = {"d": {"images": "{case}.png", "labels": "l/{case}.png"}}
    settings["datasets"]["d"] |= {"annotation": "semantic", "classes": {1: "cell"}}
    found = problems(settings)
    assert list(found) == [f"experiments.{where}"]
    assert says in found[f"experiments.{where}"]


@pytest.mark.parametrize("rival", ["grid-unet", "Grid-unet"])
def test_names_that_collide_are_refused(rival):
    entries = {rival: {"network": "unet"}, "grid": {"network": ["unet"]}}
    assert list(problems(raw(**entries))) == ["experiments.grid"]


def test_the_check_names_the_option_of_the_network_it_is_of(tmp_path):
    entry = {"network": {"unet": {"width": 4}, "fcn8s": {"widht": 0.1}}, "seed": [1, 2]}
    settings = {**raw(grid=entry, other={"network": "unet", "options": {"widht": 1}})}
    loaded = validate({**settings, "results": str(tmp_path)})
    with pytest.raises(SeptumError) as error:
        check(loaded)
    where = [p.where for p in error.value.problems]
    assert where == ["experiments.grid.network.fcn8s.widht", "experiments.other.options.widht"]


def test_of_a_grid_that_names_no_datasets_each_combination_runs_where_it_can():
    settings = raw(grid={"network": "unet", "head": ["semantic", "flows"]})
    settings["datasets"] = {"objects": {"demo": "nuclei"}, "classes": {"images": "{case}.png"}}
    settings["datasets"]["classes"] |= {"labels": "l/{case}.png", "annotation": "semantic"}
    loaded = validate(settings)
    assert list(runs(loaded)) == [
        ("objects", "grid-semantic"),
        ("objects", "grid-flows"),
        ("classes", "grid-semantic"),
    ]
    (problem,) = left_out(loaded)
    assert problem.what == "'flows' tells objects apart, and classes has classes only"


def test_methods_make_a_grid_too():
    loaded = validate(raw(floor={"method": ["watershed", "mean_shift"]}))
    assert {name: spec.method for name, spec in loaded.experiments.items()} == {
        "floor-watershed": "watershed",
        "floor-mean_shift": "mean_shift",
    }
