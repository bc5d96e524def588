"""Files by which the workflow passes settings that are too long for a command to its stages.

Linux limits an argument of a command to 128 KiB. These files are written when a run starts, but
not by a dry run. They are no inputs of their rules; a digest of each is a parameter instead, so
that a rule is rerun if the content of its file changes, and not if the file is newer.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from septum.config.schema import parse_section
from septum.config.section import Section
from septum.errors import SeptumError, problem
from septum.io.atomic import write_text

REMEDY = (
    "run snakemake without --no-hooks, which writes it when a run starts; "
    "docs/workflow.md says what is in it"
)

AnySection = TypeVar("AnySection", bound=Section)


def read_section_file(kind: type[AnySection], path: str | Path) -> AnySection:
    """Read a file that holds a section as JSON.

    Parameters
    ----------
    kind : type
        Class of the section.
    path : str or Path

    Raises
    ------
    SeptumError
        If the file cannot be read, or with all problems of its content.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise problem(path, f"cannot be read ({error})", REMEDY) from None
    try:
        return parse_section(kind, text, str(path))
    except SeptumError as error:
        raise SeptumError([replace(entry, remedy=REMEDY) for entry in error.problems]) from None


def write_if_changed(path: str | Path, text: str) -> None:
    """Write a file, unless it already holds the text.

    Raises
    ------
    SeptumError
        If the file cannot be written.
    """
    path = Path(path)
    if not path.is_file() or path.read_bytes() != text.encode("utf-8"):
        write_text(path, text)


def text_digest(text: str) -> str:
    """Return 16 hex digits of the digest of a text.

    Examples
    --------
    >>> text_digest("abc")  # of `printf abc | sha256sum`
    'ba7816bf8f01cfea'
    """
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
