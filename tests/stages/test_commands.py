"""The commands of the rules: what is typed, and what each makes of it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from septum import cli

TYPED = [
    (
        "prepare --dataset cells --settings {} --cases c.json --out o",
        {"dataset": "cells", "settings": "{}", "cases": Path("c.json"), "out": Path("o")},
    ),
    (
        "plan --dataset cells --settings {} --cases a b --split --table t.csv --out o",
        {
            "dataset": "cells",
            "settings": "{}",
            "seed": 0,
            "cases": [Path("a"), Path("b")],
            "table": Path("t.csv"),
            "split": None,
            "out": Path("o"),
        },
    ),
    (
        "augment --dataset cells --settings {} --seed 2 --cases a --out o",
        {
            "dataset": "cells",
            "settings": "{}",
            "seed": 2,
            "cases": Path("a"),
            "out": Path("o"),
        },
    ),
    (
        "weights --settings {} --cases a --copies --plan p --out o",
        {
            "settings": "{}",
            "cases": Path("a"),
            "copies": None,
            "plan": Path("p"),
            "out": Path("o"),
        },
    ),
    (
        "train --settings {} --plan p --cases a b --copies --weights w --start --out o",
        {
            "settings": "{}",
            "seed": 0,
            "plan": Path("p"),
            "cases": [Path("a"), Path("b")],
            "copies": [],
            "weights": [Path("w")],
            "start": None,
            "fold": 0,
            "code": "",
            "threads": None,
            "out": Path("o"),
        },
    ),
    (
        "tune --settings {} --weights w --plan p --cases a b --code 0f --out o",
        {
            "settings": "{}",
            "weights": Path("w"),
            "plan": Path("p"),
            "cases": [Path("a"), Path("b")],
            "code": "0f",
            "threads": None,
            "out": Path("o"),
        },
    ),
    (
        "fit --settings {} --plan p --cases a --fold 1 --code 0f --threads 2 --out o",
        {
            "settings": "{}",
            "plan": Path("p"),
            "cases": [Path("a")],
            "fold": 1,
            "code": "0f",
            "threads": 2,
            "out": Path("o"),
        },
    ),
    (
        "predict-cases --model a b --cases c --plan p --out o",
        {
            "settings": "{}",
            "model": [Path("a"), Path("b")],
            "cases": Path("c"),
            "plan": Path("p"),
            "costs": None,
            "threads": None,
            "out": Path("o"),
        },
    ),
    (
        "predict-cases-classical --model a --cases c --plan p --costs t --out o",
        {
            "model": [Path("a")],
            "cases": Path("c"),
            "plan": Path("p"),
            "costs": Path("t"),
            "threads": None,
            "out": Path("o"),
        },
    ),
    (
        "tune-merge --settings {} --experiment=-x --instances i --semantic s --cases c --plan p "
        "--earlier e f --out o",
        {
            "settings": "{}",
            "experiment": "-x",
            "instances": [Path("i")],
            "semantic": [Path("s")],
            "cases": [Path("c")],
            "plan": Path("p"),
            "fold": 0,
            "earlier": [Path("e"), Path("f")],
            "code": "",
            "threads": None,
            "out": Path("o"),
        },
    ),
    (
        "merge --parameters a b --instances i --semantic s --out o",
        {
            "parameters": [Path("a"), Path("b")],
            "instances": Path("i"),
            "semantic": Path("s"),
            "earlier": [],
            "costs": None,
            "threads": None,
            "out": Path("o"),
        },
    ),
    (
        "export --predicted a b --out o",
        {
            "predicted": [Path("a"), Path("b")],
            "cases": [],
            "plan": None,
            "settings": '{"formats": []}',
            "out": Path("o"),
        },
    ),
    (
        "evaluate --settings {} --cases c --predicted a --plan p --out-cases 1 --out-classes 2 "
        "--out-pooled 3 --out-confusion 4 --out-objects 5",
        {
            "settings": "{}",
            "cases": [Path("c")],
            "predicted": [Path("a")],
            "plan": Path("p"),
            "threads": None,
            "out_cases": Path("1"),
            "out_classes": Path("2"),
            "out_pooled": Path("3"),
            "out_confusion": Path("4"),
            "out_objects": Path("5"),
        },
    ),
    (
        "rank --dataset cells --scores a b --costs --baselines otsu --out o",
        {
            "dataset": "cells",
            "settings": "{}",
            "scores": [Path("a"), Path("b")],
            "baselines": ["otsu"],
            "costs": [],
            "seed": 0,
            "out": Path("o"),
        },
    ),
    (
        "report --contents c.json --seed 1 --out results/report.html",
        {"contents": Path("c.json"), "seed": 1, "out": Path("results/report.html")},
    ),
]


@pytest.mark.parametrize(("typed", "expected"), TYPED, ids=list(cli.COMMANDS_OF_RULES))
def test_what_a_command_makes_of_its_arguments(typed, expected):
    name, *given = shlex.split(typed)
    assert vars(cli.COMMANDS[name].parser(name).parse_args(given)) == {"debug": False, **expected}


def test_every_command_of_a_rule_is_tested():
    assert [typed.split()[0] for typed, _ in TYPED] == list(cli.COMMANDS_OF_RULES)
