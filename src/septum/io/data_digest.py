"""A digest of stored cases, which models and parameters keep of the cases they were fitted to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

# Files up to this size are read as a whole, of larger ones the beginning and the end.
MAX_BYTES_READ_WHOLE = 2**24
BYTES_OF_AN_END = 2**20


def data_digest(paths: Iterable[Path]) -> str:
    """Return 16 hex digits that change when the stored cases or weight maps change."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(paths, key=lambda p: p.name):
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            size = file.stat().st_size
            digest.update(f"{path.name}/{file.relative_to(path).as_posix()}:{size}\n".encode())
            with file.open("rb") as stream:
                if size > MAX_BYTES_READ_WHOLE:
                    digest.update(stream.read(BYTES_OF_AN_END))
                    stream.seek(-BYTES_OF_AN_END, os.SEEK_END)
                digest.update(stream.read())
    return digest.hexdigest()
