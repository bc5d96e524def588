"""The script by which a shell completes commands, options and paths."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path

SHELLS = ("bash", "zsh", "tcsh")


def completion_script(commands: Mapping[str, ArgumentParser], shell: str) -> str:
    """Return the script by which a shell completes commands, options and paths.

    Parameters
    ----------
    commands : mapping of str to ArgumentParser
        The parser of each command. Arguments that are paths are completed to files and folders.
    shell : str
        One of `SHELLS`.
    """
    import shtab  # here, since older environments of Septum do not have it

    every = ArgumentParser(prog="septum")
    every.add_argument("--version", action="store_true", help="show the version")
    names = every.add_subparsers()
    for name, parser in commands.items():
        for action in parser._actions:
            if action.type is Path:
                action.complete = shtab.FILE
        names.add_parser(
            name, help=parser.description, parents=[parser], add_help=False, allow_abbrev=False
        )
    return shtab.complete(every, shell)
