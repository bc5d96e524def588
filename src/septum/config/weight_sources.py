"""Where published weights come from: a file, or an address with the checksum that it must have.

Read with the configuration, hence no heavy import here.
"""

from __future__ import annotations

import re

from septum.errors import Problem


def is_address(source: str) -> bool:
    """Whether a source is downloaded, and no file on this machine."""
    return source.startswith(("http://", "https://"))


def checksum(source: str, sha256: str | None = None) -> str:
    """Return what the SHA-256 of a source must begin with, in lower-case digits.

    Parameters
    ----------
    source : str
        File or address. The name of an address may end in the first digits
        (``vgg16-397923af.pth``), as torchvision's do.
    sha256 : str, optional
        The whole checksum, with or without ``sha256:`` before it.

    Returns
    -------
    str
        Empty where nothing is known.
    """
    if sha256 is not None:
        return sha256.lower().removeprefix("sha256:")
    in_name = re.search(r"-([0-9a-f]{8,64})\.\w+$", source)
    return in_name[1] if is_address(source) and in_name else ""


def checksum_problem(where: str, source: str, sha256: str | None = None) -> Problem | None:
    """Return what is wrong with an address without a checksum: anything might come from there."""
    if not is_address(source) or checksum(source, sha256):
        return None
    what = "is an address that has no checksum, in its name or beside it"
    remedy = "give {source: …, sha256: …}; `sha256sum` tells it of a file that you trust"
    return Problem(where, what, remedy)
