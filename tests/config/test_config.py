"""The levels of a configuration: which one wins."""

from __future__ import annotations

from small_config import minimal

from septum.config.load import validate


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
