"""Which experiment starts from which: what is refused before anything runs."""

from __future__ import annotations

import pytest

from septum.config.load import validate
from septum.errors import SeptumError

FCN = {"a": {"network": "fcn32s"}, "b": {"network": "fcn16s", "start_from": "a"}}


def raw(experiments, **datasets):
    datasets = datasets or {"d": {}, "e": {}}
    return {
        "datasets": {name: {"demo": "nuclei", **own} for name, own in datasets.items()},
        "experiments": experiments,
    }


def problems(settings) -> list[tuple[str, str]]:
    with pytest.raises(SeptumError) as error:
        validate(settings)
    return [(p.where, p.what) for p in error.value.problems]


def test_settings_of_a_run_say_what_it_starts_from():
    digest = "ab" * 32
    given = {"source": "https://x.org/vgg.pth", "sha256": digest}
    experiments = FCN | {
        "c": {"network": "fcn8s", "pretrained": "vgg/v.pth"},
        "d": {"network": "fcn8s", "pretrained": given},
    }
    loaded = validate(raw(experiments))
    runs = {name: loaded.run("d", name) for name in "abcd"}
    assert (runs["a"].start_from, runs["a"].pretrained) == (None, None)
    assert (runs["b"].start_from, runs["b"].pretrained) == ("a", None)
    assert runs["c"].pretrained.model_dump() == {"source": "vgg/v.pth", "sha256": None}
    assert runs["d"].pretrained.model_dump() == given
    assert [runs[name].pretrained.is_address for name in "cd"] == [False, True]


def test_combinations_start_from_those_of_the_same_parts():
    experiments = {
        "a": {"network": "fcn32s", "head": ["semantic", "border"], "seed": [1, 2]},
        "b": {
            "network": ["fcn16s", "fcn8s"],
            "head": ["semantic", "border"],
            "seed": [2],
            "start_from": "a",
        },
        "c": {"network": "fcn8s", "start_from": "a-border-seed1"},
    }
    found = validate(raw(experiments)).experiments
    starts = {name: spec.start_from for name, spec in found.items() if spec.start_from}
    assert starts == {
        "b-fcn16s-semantic-seed2": "a-semantic-seed2",
        "b-fcn16s-border-seed2": "a-border-seed2",
        "b-fcn8s-semantic-seed2": "a-semantic-seed2",
        "b-fcn8s-border-seed2": "a-border-seed2",
        "c": "a-border-seed1",
    }


def test_a_combination_without_a_partner_is_told_at_the_entry():
    experiments = {
        "a": {"network": "fcn32s", "seed": [1]},
        "b": {"network": "fcn16s", "seed": [1, 2], "start_from": "a"},
    }
    key = "experiments.b.start_from"
    assert problems(raw(experiments)) == [(key, "there is no experiment 'a'")]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"b": {"start_from": "x"}}, "there is no experiment 'x'"),
        ({"b": {"start_from": "b"}}, "goes round in a circle: b from b"),
        ({"b": {"pretrained": "v.pth"}}, "and pretrained exclude each other"),
        ({"a": {"datasets": ["e"]}}, "'a' does not run on d"),
        ({"b": {"train": {"folds": [0, 2]}}}, "'a' is not trained on fold 2 of d"),
        ({"b": {"train": {"folds": "all"}}}, "'a' is not trained on fold 1, 2, 3, 4 of d"),
    ],
)
def test_what_cannot_be_started_from(changes, what):
    experiments = {name: spec | changes.get(name, {}) for name, spec in FCN.items()}
    found = problems(raw(experiments))
    assert ("experiments.b.start_from", what) in found
    assert {where for where, _ in found} == {"experiments.b.start_from"}


def test_a_circle_is_told_once_and_those_beside_it_are_not():
    starts = {"a": "c", "b": "a", "c": "b", "d": "c"}
    experiments = {n: {"network": "fcn8s", "start_from": other} for n, other in starts.items()}
    what = "goes round in a circle: a from c from b from a"
    assert problems(raw(experiments)) == [("experiments.a.start_from", what)]


@pytest.mark.parametrize("theirs", ["all", [0, 1]])
def test_folds_that_both_are_trained_on(theirs):
    experiments = FCN | {"a": {"network": "fcn32s", "train": {"folds": theirs}}}
    experiments["b"] = FCN["b"] | {"train": {"folds": "all"}}
    validate(raw(experiments, d={"split": {"folds": 2}}))
    given = {"split": {"file": "split.json", "folds": 2}}
    if theirs == "all":
        validate(raw(experiments, d=given))
    else:
        key = "experiments.b.start_from"
        found = problems(raw(experiments, d=given))
        assert found == [(key, "'a' is not trained on all folds of d")]


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ("", "pretrained.source"),
        ({"sha256": "ab" * 32}, "pretrained.source"),
        ({"source": "v.pth", "sha256": "abc"}, "pretrained.sha256"),
        ({"source": "v.pth", "sha265": "ab" * 32}, "pretrained.sha265"),
    ],
)
def test_mistakes_in_pretrained_name_their_key(given, key):
    experiments = {"c": {"network": "fcn8s", "pretrained": given}}
    assert [where for where, _ in problems(raw(experiments))] == [f"experiments.c.{key}"]


def test_a_baseline_has_no_weights_to_start_from_and_starts_from_none():
    floor = {"method": "watershed"}
    found = problems(raw({"floor": floor, "b": {"network": "fcn16s", "start_from": "floor"}}))
    (where, what) = found[0]
    assert (len(found), where) == (1, "experiments.b.start_from")
    assert what == "'floor' is a classical baseline, which has no weights"
    assert problems(raw(FCN | {"floor": floor | {"start_from": "a"}})) == [
        ("experiments.floor.start_from", "is for networks, and a baseline has none")
    ]
