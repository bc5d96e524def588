"""Arguments that several commands share."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path

import pytest

from septum.config import arguments


def parsed(add, *given, typed: str = "", **options):
    """Return what a parser with one shared argument makes of what was typed."""
    parser = ArgumentParser()
    add(parser, *given, **options)
    return vars(parser.parse_args(typed.split()))


def refused(capsys, add, *given, typed: str = "", **options) -> str:
    with pytest.raises(SystemExit) as stopped:
        parsed(add, *given, typed=typed, **options)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_settings_are_required_unless_there_is_a_default(capsys):
    add = arguments.add_settings
    assert parsed(add, "what", typed="--settings {}") == {"settings": "{}"}
    assert parsed(add, "what", default='{"a":1}') == {"settings": '{"a":1}'}
    assert "required: --settings" in refused(capsys, add, "what")


@pytest.mark.parametrize(
    ("add", "typed", "expected"),
    [
        (arguments.add_seed, "", {"seed": 0}),
        (arguments.add_seed, "--seed 3", {"seed": 3}),
        (arguments.add_fold, "", {"fold": 0}),
        (arguments.add_fold, "--fold 4", {"fold": 4}),
        (arguments.add_threads, "", {"threads": None}),
        (arguments.add_threads, "--threads 2", {"threads": 2}),
        (arguments.add_costs, "", {"costs": None}),
        (arguments.add_costs, "--costs c.json", {"costs": Path("c.json")}),
        (arguments.add_dataset, "--dataset=-cells", {"dataset": "-cells"}),
    ],
)
def test_simple_arguments(add, typed, expected):
    assert parsed(add, typed=typed) == expected


def test_one_path(capsys):
    assert parsed(arguments.add_path, "plan", "what", typed="--plan p") == {"plan": Path("p")}
    assert "required: --plan" in refused(capsys, arguments.add_path, "plan", "what")
    assert "expected one argument" in refused(
        capsys, arguments.add_path, "plan", "what", typed="--plan"
    )


@pytest.mark.parametrize(
    ("typed", "expected"), [("", None), ("--copies", None), ("--copies c", Path("c"))]
)
def test_an_optional_path_may_have_no_value(typed, expected):
    # a rule gives an input that there is not as no word at all
    assert parsed(arguments.add_path, "copies", "what", optional=True, typed=typed) == {
        "copies": expected
    }


def test_several_paths(capsys):
    typed = "--cases a b"
    assert parsed(arguments.add_paths, "cases", "what", typed=typed) == {
        "cases": [Path("a"), Path("b")]
    }
    assert "required: --cases" in refused(capsys, arguments.add_paths, "cases", "what")
    assert "at least one" in refused(capsys, arguments.add_paths, "cases", "what", typed="--cases")


@pytest.mark.parametrize(("typed", "expected"), [("", []), ("--c", []), ("--c a", [Path("a")])])
def test_optional_paths_may_be_none(typed, expected):
    assert parsed(arguments.add_paths, "c", "what", optional=True, typed=typed) == {"c": expected}


def test_configurations():
    add = arguments.add_configs
    assert parsed(add, "what") == {"config": [Path("config.yaml")]}
    assert parsed(add, "what", typed="a b") == {"config": [Path("a"), Path("b")]}


def test_a_job_uses_all_threads_unless_it_is_told_otherwise():
    parser = ArgumentParser()
    arguments.add_threads(parser)
    assert arguments.threads_to_use(parser.parse_args(["--threads", "3"])) == 3
    assert arguments.threads_to_use(parser.parse_args([])) == os.cpu_count()
