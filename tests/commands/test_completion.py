"""Shell completion, asked of a real shell."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import redirect_stdout
from io import StringIO

import pytest

from septum import cli
from septum.commands.completion import SHELLS

pytest.importorskip("shtab", reason="the environment is older than pyproject.toml: make setup")

# What bash does when Tab is pressed after some words.
PRESS_TAB = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_TYPE=9
COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
_shtab_septum
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("completion") / "septum.bash"
    path.write_text(printed("bash"))
    return path


def printed(shell: str) -> str:
    """Return what the documented line gives to a shell."""
    text = StringIO()
    with redirect_stdout(text), pytest.raises(SystemExit) as stopped:
        cli.main(["--print-completion", shell])
    assert stopped.value.code == 0
    return text.getvalue()


def press_tab(script, *words, cwd):
    done = subprocess.run(
        ["bash", "-c", PRESS_TAB, "bash", str(script), "septum", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["pred"], {"predict", "predict-cases", "predict-cases-classical"}),
        (["lea"], {"leaderboard"}),
        (["predict", "--mo"], {"--model"}),
        (["evaluate", "--out-c"], {"--out-cases", "--out-classes", "--out-confusion"}),
        (["predict", "im"], {"image.tif", "images"}),
        (["predict", "image.tif", "--model", "mod"], {"model.safetensors"}),
    ],
)
def test_bash_completes_commands_options_and_paths(script, tmp_path, words, offered):
    for name in ("image.tif", "model.safetensors"):
        (tmp_path / name).touch()
    (tmp_path / "images").mkdir()
    found = {word.rstrip("/") for word in press_tab(script, *words, cwd=tmp_path)}
    assert found == offered


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_stands_in_the_script_of_every_shell(shell):
    text = printed(shell)
    assert not [name for name in cli.COMMANDS if name not in text]


def test_a_shell_that_is_not_known(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--print-completion", "bsh"])
    assert stopped.value.code == 2
    assert "there is no shell 'bsh'; did you mean 'bash'?" in capsys.readouterr().err
