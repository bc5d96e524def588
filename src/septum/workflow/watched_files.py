"""The files of a batch that Snakemake can watch, and a digest of those that it cannot."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence

from septum.data.case_files import CaseFiles


def input_paths(cases: Sequence[CaseFiles]) -> list[str]:
    """Return all paths that a batch reads, with a pattern of masks replaced by its folder."""
    paths: list[str] = []
    for case in cases:
        paths += case.images
        for path in case.label_files:
            paths.append(os.path.dirname(path) if "*" in path else path)
    return list(dict.fromkeys(paths))


def is_watched(path: str) -> bool:
    """Return whether Snakemake can watch a path; it interprets ``<`` and ``{`` in paths."""
    return not set(path) & set("<>{}")


def unwatched_digest(cases: Sequence[CaseFiles]) -> str:
    """Return a digest of size and time of the files of a batch that Snakemake cannot watch.

    These are files in folders (masks, OME-Zarr), of which Snakemake sees the time of the folder
    only, which an edit of a file does not change, and files with ``<>{}`` in their path.
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
