"""The command line: exit codes, messages, no traceback unless asked for."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest


def septum(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "septum", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_help_lists_the_stages_in_order():
    output = septum("--help").stdout
    stages = ["demo", "check", "prepare", "plan", "augment", "weights", "train", "fit", "predict"]
    stages += ["export", "evaluate", "leaderboard", "report", "fetch"]
    places = [re.search(rf"^    {stage}\b", output, flags=re.M).start() for stage in stages]
    assert places == sorted(places)


def test_help_loads_nothing_heavy():
    code = "import sys; from septum import cli; cli._parser(); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"torch", "numpy", "zarr", "monai"} & set(loaded.stdout.split())


def test_a_mistake_gives_one_message_and_no_traceback(tmp_path):
    done = septum("check", "none.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert "none.yaml: cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(tmp_path):
    done = septum("check", "--debug", "none.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_all_mistakes_of_a_configuration_in_one_go(tmp_path):
    (tmp_path / "config.yaml").write_text(
        "trian: {}\ndatasets: {a: {images: '{case}.png', anotation: semantic}}\n"
    )
    done = septum("check", cwd=tmp_path)
    assert done.returncode == 1
    assert "2 problems" in done.stderr
    assert "trian: is not a known key\n    -> did you mean 'train'?" in done.stderr
    assert "datasets.a.anotation" in done.stderr


@pytest.mark.parametrize("stage", ["prepare", "train"])
def test_a_stage_says_which_option_is_missing(stage):
    done = septum(stage)
    assert done.returncode == 2
    assert "--settings" in done.stderr


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
