"""The files of a case, and its name in paths."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class CaseFiles:
    """The files of one case: image files (one a channel group) and, where annotated, labels.

    ``parts`` are the other label files, where one is not enough
    (`septum.stages.prepare.label_files`).
    """

    name: str
    images: tuple[str, ...]
    labels: str | None = None
    parts: tuple[str, ...] = ()

    @property
    def label_files(self) -> tuple[str, ...]:
        """All label files."""
        return () if self.labels is None else (self.labels, *self.parts)


def safe_name(name: str) -> str:
    """Return a name that is safe in any path: ASCII letters, digits, ``.``, ``_`` and ``-``.

    A name that had to be changed gets eight digits of its own digest, so that two names never
    meet in one.

    Examples
    --------
    >>> safe_name("slide_07")
    'slide_07'
    >>> safe_name("Zellen <b>")
    'Zellen_b-164c0075'
    """
    # .zarr would be taken for the folder's own suffix
    if _plain(name) == name and not name.lower().endswith(".zarr"):
        return name
    return distinct_name(name)


def distinct_name(name: str) -> str:
    """Return a safe name with the digest, whether or not the name had to be changed.

    So it differs from that of any other name also where a file system takes capitals for
    small letters (Windows and macOS do).

    Examples
    --------
    >>> distinct_name("A"), distinct_name("a")
    ('A-559aead0', 'a-ca978112')
    """
    plain = _plain(name)
    digest = hashlib.sha256(name.encode("utf-8")).hexdigest()[:8]
    return f"{plain}-{digest}" if plain else digest


def _plain(name: str) -> str:
    """Return what is left of a name in ASCII letters, digits, ``.``, ``_`` and ``-``."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "_", plain).strip("._-")[:80]
