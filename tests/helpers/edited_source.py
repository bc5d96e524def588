"""A copy of the package's source to edit, so that a test sees which digests of code change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from septum.io import code_digest

CACHED = (
    code_digest.reachable,
    code_digest._imports,
    code_digest._normal_form,
    code_digest._file,
)


def copy_of_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield the folder of the copy; digests are of the copy until the test ends."""
    folder = tmp_path / "septum"
    shutil.copytree(code_digest.PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_digest, "PACKAGE", folder)
    forget()
    yield folder
    monkeypatch.undo()
    forget()


def forget() -> None:
    """Let the digests be computed anew."""
    for function in CACHED:
        function.cache_clear()


def edit(source: Path, *modules: str) -> None:
    """Add a line of code to modules, given as paths below the package (``data/store``)."""
    for module in modules:
        path = source / f"{module}.py"
        path.write_text(path.read_text() + "\n\n_EDITED = 1\n")
    forget()
