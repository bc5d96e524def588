"""The file that lists the cases of a batch, for ``septum prepare``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from septum.config.schema import canonical_json
from septum.config.section import Section
from septum.data.case_files import CaseFiles
from septum.workflow.handed_file import read_section_file


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
    batch = read_section_file(BatchList, path)
    return [
        CaseFiles(name, case.images, case.labels, case.parts) for name, case in batch.cases.items()
    ]
