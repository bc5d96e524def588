"""Readers: from the files of a lab to arrays.

To add one, write its module beside this one and add its record to
`septum.config.registry.READERS`. A reader is imported when a file asks for it.
"""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path

import numpy as np

from septum.config import registry
from septum.config.reader_by_suffix import reader_by_suffix
from septum.data.readers.base import Reader, reading
from septum.data.readers.label_map import whole_numbers
from septum.data.store import Geometry
from septum.errors import SeptumError, problem

__all__ = ["Reader", "check_reader", "choose_reader", "read_image", "read_labels"]


def choose_reader(path: str | Path, name: str = "auto") -> Reader:
    """Return the reader of a file.

    Parameters
    ----------
    path : str or Path
    name : str
        A key of `septum.config.registry.READERS`, or ``auto``: by the file's suffix; a folder,
        or a pattern with ``*``, is one mask an object, unless it is or lies in a ``.zarr``.

    Raises
    ------
    SeptumError
        If there is no such reader, or none for that suffix.
    """
    path = Path(path)
    if name != "auto":
        check_reader(name)
        return _reader(name)
    by_suffix = reader_by_suffix(path)
    if by_suffix is not None:
        return _reader(by_suffix)
    if path.is_dir():
        is_zarr = any((path / file).exists() for file in ("zarr.json", ".zattrs", ".zgroup"))
        return _reader("ome_zarr" if is_zarr else "mask_folder")
    suffixes = sorted(
        {suffix for record in registry.READERS.values() for suffix in record.suffixes}
    )
    what = f"has a suffix that no reader knows ({path.suffix or 'none'})"
    remedy = f"convert it to one of {' '.join(suffixes)}, or set `reader:` to {_names()}"
    raise problem(path, what, remedy)


def read_image(
    path: str | Path, reader: str = "auto", *, where: str = "reader"
) -> tuple[np.ndarray, Geometry]:
    """Read an image.

    Parameters
    ----------
    path : str or Path
    reader : str
        As in `choose_reader`.
    where : str
        What names the reader, a configuration key or an option, for messages.

    Returns
    -------
    array (C, *spatial)
        The file's dtype, in this machine's byte order; float64 becomes float32.
    Geometry

    Raises
    ------
    SeptumError
        If it is missing, damaged, or something this reader does not know.
    """
    path = Path(path)
    chosen = choose_reader(path, reader)
    try:
        with reading(path):
            return chosen.read_image(path)
    except SeptumError as error:
        fitting = _other_reader(path, chosen.name)
        if fitting is None:
            raise
        what = f"is {reader!r}, which cannot read {path.suffix} files"
        raise problem(where, what, f"set it to auto, or to {fitting}") from error


def read_labels(path: str | Path, reader: str = "auto") -> tuple[np.ndarray, Geometry]:
    """Read a label map: whole numbers from 0, as they are in the file.

    Floats are accepted where each is exactly such a number.

    Returns
    -------
    array (*spatial) of uint32 or uint64
    Geometry

    Raises
    ------
    SeptumError
        If it is missing or damaged, in colours, fractional or negative.
    """
    path = Path(path)
    chosen = choose_reader(path, "mask_folder" if "*" in path.name else reader)
    with reading(path):
        labels, geometry = chosen.read_labels(path)
    return whole_numbers(labels, path), geometry


def check_reader(name: str, where: str = "reader") -> None:
    """Check that there is a reader of that name, or that it is ``auto``.

    Parameters
    ----------
    name : str
    where : str
        The configuration key, for the message.

    Raises
    ------
    SeptumError
        With the list of readers, if there is none.
    """
    if name != "auto" and name not in registry.READERS:
        close = difflib.get_close_matches(name, registry.READERS, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        remedy = f"{hint}choose one of: auto, {_names()}"
        raise problem(where, f"there is no reader {name!r}", remedy)


def _other_reader(path: Path, chosen: str) -> str | None:
    """Return the reader for the file's suffix, if it reads another format than ``chosen``."""
    fitting = reader_by_suffix(path.name)
    if fitting is None or not path.is_file():
        return None
    same_module = registry.READERS[fitting].module == registry.READERS[chosen].module
    return None if same_module else fitting


@cache
def _reader(name: str) -> Reader:
    return registry.READERS[name].load()()


def _names() -> str:
    return ", ".join(registry.READERS)
