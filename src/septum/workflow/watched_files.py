"""The files that a batch reads: which of them Snakemake watches, and a digest of the others."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence

from septum.data.case_files import CaseFiles


def input_paths(cases: Sequence[CaseFiles]) -> list[str]:
    """Return every path that a batch reads; a pattern of masks stands for its folder."""
    paths: list[str] = []
    for case in cases:
        paths += case.images
        for path in case.label_files:
            paths.append(os.path.dirname(path) if "*" in path else path)
    return list(dict.fromkeys(paths))


def is_watched(path: str) -> bool:
    """Say whether Snakemake can watch a path; it takes ``<`` and ``{`` for marks of its own."""
    return not set(path) & set("<>{}")


def unwatched_digest(cases: Sequence[CaseFiles]) -> str:
    """Return a digest of size and time of those files of a batch that Snakemake does not watch.

    Of a folder (masks, OME-Zarr) it sees the folder's own time, which an edit of a file in it
    leaves alone; of a path with ``<>{}`` it sees nothing.
    """
    digest = hashlib.sha256()
    for file in _unwatched_files(cases):
        status = os.stat(file)
        entry = f"{file} {status.st_size} {status.st_mtime_ns}\n"
        digest.update(entry.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def _unwatched_files(cases: Sequence[CaseFiles]) -> Iterator[str]:
    for path in input_paths(cases):
        if os.path.isdir(path):
            yield from sorted(
                os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names
            )
        elif not is_watched(path):
            yield path
