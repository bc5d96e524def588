"""The command line: what it lists, exit codes, messages, no traceback unless asked for."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from septum import cli

COMMANDS_FOR_PEOPLE = ["check", "predict", "leaderboard", "fetch", "demo"]
# the order of the data
COMMANDS_OF_RULES = ["prepare", "plan", "augment", "weights", "train", "tune", "fit"]
COMMANDS_OF_RULES += ["predict-cases", "predict-cases-classical", "tune-merge", "merge"]
COMMANDS_OF_RULES += ["export", "evaluate", "rank", "report"]

REQUIRED = {
    "check": "",
    "predict": "IMAGE --model --out",
    "leaderboard": "",
    "fetch": "",
    "demo": "kind --out",
    "prepare": "--dataset --settings --cases --out",
    "plan": "--dataset --settings --cases --out",
    "augment": "--dataset --settings --cases --out",
    "weights": "--settings --cases --plan --out",
    "train": "--settings --plan --cases --out",
    "tune": "--settings --weights --plan --cases --out",
    "fit": "--settings --plan --cases --out",
    "predict-cases": "--model --cases --plan --out",
    "predict-cases-classical": "--model --cases --plan --out",
    "tune-merge": "--settings --experiment --instances --semantic --cases --plan --out",
    "merge": "--parameters --instances --semantic --out",
    "export": "--predicted --out",
    "evaluate": "--settings --cases --predicted --plan --out-cases --out-classes --out-pooled "
    "--out-confusion --out-objects",
    "rank": "--dataset --out",
    "report": "--contents --out",
}


RULES = Path(__file__).resolve().parents[1] / "pipeline"


def commands_of_rules() -> list[list[str]]:
    """Return the arguments that each rule gives to `septum`, with 1 for every value."""
    found = []
    for file in sorted(RULES.glob("*.smk")):
        for block in re.findall(r"    shell:\n((?:        \".*\"\n)+)", file.read_text()):
            text = "".join(line.strip()[1:-1] for line in block.splitlines())
            words = shlex.split(re.sub(r"\{[^}]+\}", "1", text))
            assert words[:3] == ["python", "-m", "septum"]
            end = min(i for i, word in enumerate(words) if word in (">", "2>&1"))
            found.append(words[3:end])
    return found


def septum(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "septum", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
    )


def refused(capsys, *arguments) -> str:
    """Return what is said of arguments that are not those of a command."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def listed(text: str, heading: str) -> list[str]:
    """Return the names that stand in a block of the help, below its heading."""
    block = text.split(f"{heading}:\n")[1].split("\n\n")[0]
    return [line.split()[0] for line in block.splitlines()]


def test_help_shows_first_what_people_type_and_then_the_rules_in_order(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    people, rules = "commands that people type", "commands that the workflow's rules run"
    assert listed(text, people) == COMMANDS_FOR_PEOPLE
    assert listed(text, f"{rules}, in the order of the data") == COMMANDS_OF_RULES
    assert text.index(people) < text.index(rules)
    assert max(map(len, text.splitlines())) <= 88


def test_help_loads_nothing_heavy():
    code = """
import sys
from septum import cli
for arguments in (["--help"], *([name, "--help"] for name in cli.COMMANDS)):
    try:
        cli.main(arguments)
    except SystemExit as stopped:
        assert stopped.code == 0
print(*sys.modules, file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    heavy = {"torch", "numpy", "scipy", "skimage", "zarr", "numba", "lightning", "pydantic"}
    assert not heavy & set(done.stderr.split())
    assert done.stdout.count("usage: septum ") == 1 + len(REQUIRED)


def test_help_answers_at_once():
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        septum("--help")
        taken.append(time.perf_counter() - start)
    assert min(taken) < 0.5  # seconds


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("predcit", "there is no command 'predcit'; did you mean 'predict'?"),
        ("leaderbord", "there is no command 'leaderbord'; did you mean 'leaderboard'?"),
        ("predict_cases", "there is no command 'predict_cases'; did you mean 'predict-cases'?"),
        ("qqq", "there is no command 'qqq'; choose one of: augment, check, demo, evaluate, "),
    ],
)
def test_a_mistyped_command_gets_the_nearest_right_one(capsys, typed, says):
    assert says in refused(capsys, typed, "--out", "x")


def test_no_command(capsys):
    assert "the following arguments are required: COMMAND" in refused(capsys)


@pytest.mark.parametrize("name", REQUIRED)
def test_a_command_says_which_arguments_are_missing(capsys, name):
    parser = cli.COMMANDS[name].parser(name)
    needed = [action for action in parser._actions if action.required]
    names = [(action.option_strings or [action.metavar or action.dest])[0] for action in needed]
    assert set(names) == set(REQUIRED[name].split())
    if names:
        message = refused(capsys, name).splitlines()[-1]
        expected = f"septum {name}: error: the following arguments are required: "
        assert message == expected + ", ".join(names)


@pytest.mark.parametrize("name", REQUIRED)
def test_every_argument_has_a_line_of_help(name):
    assert not [a.dest for a in cli.COMMANDS[name].parser(name)._actions if not a.help]


def test_rules_and_commands_belong_together():
    rules = commands_of_rules()
    assert {name for name, *_ in rules} == {"demo", *COMMANDS_OF_RULES}
    for name, *arguments in rules:
        cli.COMMANDS[name].parser(name).parse_args(
            arguments
        )  # stops the test where a rule says what the command does not


def test_an_option_that_a_command_does_not_have(capsys):
    assert "unrecognized arguments: --trheads=2" in refused(capsys, "fetch", "--trheads=2")


def test_a_mistake_gives_one_message_and_no_traceback(tmp_path, capsys):
    assert cli.main(["leaderboard", str(tmp_path / "none.yaml")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("septum: 1 problem\n")
    assert "none.yaml: cannot be read" in said
    assert "Traceback" not in said


def test_debug_shows_the_traceback(tmp_path):
    done = septum("leaderboard", "--debug", "none.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_all_mistakes_of_a_configuration_in_one_go(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(
        "trian: {}\ndatasets: {a: {images: '{case}.png', anotation: semantic}}\n"
    )
    assert cli.main(["leaderboard"]) == 1
    said = capsys.readouterr().err
    assert "2 problems" in said
    assert "trian: is not a known key\n    -> did you mean 'train'?" in said
    assert "datasets.a.anotation" in said


def test_a_command_that_is_stopped_says_how_to_go_on(monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("septum.commands.fetch.run", stop)
    assert cli.main(["fetch"]) == 130
    assert capsys.readouterr().err == "septum: stopped; the same command goes on from here\n"


def test_threads_are_bounded_before_numeric_libraries_are_imported():
    code = """
import sys
from septum import cli
from septum.commands import fetch
def run(arguments):
    assert "numpy" not in sys.modules
    import numba
    print(numba.config.NUMBA_NUM_THREADS, arguments.threads)
fetch.run = run
fetch.add_arguments = lambda parser: parser.add_argument("--threads", type=int)
cli.main(["fetch", "--threads", "1"])
"""
    pools = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
    free = {name: value for name, value in os.environ.items() if name not in pools}
    done = subprocess.run(
        [sys.executable, "-c", code], env=free, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "1"]


def test_a_reader_that_has_seen_enough_is_no_error():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "septum", "fetch"],
            stdout=gone,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
    assert done.stderr == ""
    assert done.returncode == 141
