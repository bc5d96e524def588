"""A digest of stored cases, kept with whatever was learnt from them.

Apart from the training set, for a baseline that is tuned on cases needs no PyTorch.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

# Files up to this size count whole in the digest, larger ones by their two ends.
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
