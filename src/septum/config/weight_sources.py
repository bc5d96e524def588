"""Sources of published weights: a file, or an address with the checksum of the download."""

from __future__ import annotations

import re

from septum.errors import Problem


def is_address(source: str) -> bool:
    """Return whether a source is an address to download from, not a file on this machine."""
    return source.startswith(("http://", "https://"))


def checksum(source: str, sha256: str | None = None) -> str:
    """Return the first digits of the SHA-256 of a source, as far as they are known.

    Parameters
    ----------
    source : str
        File or address. The name of an address may end in the first digits
        (``vgg16-397923af.pth``), as torchvision's do.
    sha256 : str, optional
        The whole checksum, with or without the prefix ``sha256:``.

    Returns
    -------
    str
        Lower-case digits; empty if none are known.
    """
    if sha256 is not None:
        return sha256.lower().removeprefix("sha256:")
    in_name = re.search(r"-([0-9a-f]{8,64})\.\w+$", source)
    return in_name[1] if is_address(source) and in_name else ""


def checksum_problem(where: str, source: str, sha256: str | None = None) -> Problem | None:
    """Return the problem of an address without a checksum, whose download cannot be verified."""
    if not is_address(source) or checksum(source, sha256):
        return None
    what = "is an address that has no checksum, in its name or beside it"
    remedy = "give {source: …, sha256: …}; `sha256sum` tells it of a file that you trust"
    return Problem(where, what, remedy)
