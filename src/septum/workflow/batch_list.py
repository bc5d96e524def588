"""The file that says which cases a batch has, handed from the workflow to ``septum prepare``.

A file and no argument, since a batch may have any number of cases and Linux limits an argument to
128 KiB. It is written when a run starts, and by no dry run. It is no input of the rule, but a
digest of it is a parameter: a batch is prepared anew for other cases, and not for a newer file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from septum.config.schema import Section, canonical_json, parse_section
from septum.data.case_files import CaseFiles
from septum.errors import SeptumError, problem

REMEDY = "Snakemake writes it when a run starts; docs/workflow.md says what is in it"


class ListedCase(Section):
    """The files of a case."""

    images: Annotated[tuple[str, ...], Field(min_length=1)]
    labels: str | None = None
    parts: tuple[str, ...] = ()


class BatchList(Section):
    """The cases of a batch, by name."""

    version: Literal[1] = 1
    cases: dict[str, ListedCase]


def batch_list_text(cases: Sequence[CaseFiles]) -> str:
    """Return the content of a batch's file; equal cases give equal bytes."""
    listed = {
        case.name: ListedCase(images=case.images, labels=case.labels, parts=case.parts)
        for case in cases
    }
    return canonical_json(BatchList(cases=listed))


def read_batch_list(path: str | Path) -> list[CaseFiles]:
    """Read the cases of a batch.

    Raises
    ------
    SeptumError
        If the file cannot be read or is no list of cases.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise problem(path, f"cannot be read ({error})", REMEDY) from None
    try:
        batch: BatchList = parse_section(BatchList, text, str(path))
    except SeptumError as error:
        raise SeptumError([replace(found, remedy=REMEDY) for found in error.problems]) from None
    return [
        CaseFiles(name, case.images, case.labels, case.parts) for name, case in batch.cases.items()
    ]
