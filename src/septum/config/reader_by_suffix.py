"""The choice of a reader by the name of a file, for ``reader: auto``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from septum.config import registry


def reader_by_suffix(path: str | PurePath) -> str | None:
    """Return the reader for the suffix of a path.

    Parameters
    ----------
    path : str or PurePath
        Path or pattern of a file, which need not exist.

    Returns
    -------
    str or None
        A key of `septum.config.registry.READERS`. None if no reader has the suffix and the path
        does not lead into a ``.zarr``.

    Examples
    --------
    >>> reader_by_suffix("images/a.nii.gz")
    'nifti'
    >>> reader_by_suffix("plate.zarr/0/1")
    'ome_zarr'
    >>> reader_by_suffix("masks") is None
    True
    """
    path = PurePath(path)
    lower = path.name.lower()
    for name, record in registry.READERS.items():
        if lower.endswith(record.suffixes):
            return name
    return "ome_zarr" if any(part.lower().endswith(".zarr") for part in path.parts) else None


def readers_of(paths: Iterable[str], reader: str = "auto") -> list[str]:
    """Return the readers that may read some files, judged by their names alone.

    Parameters
    ----------
    paths : iterable of str
        Images and label maps; a pattern with ``*`` stands for a folder of masks.
    reader : str
        The reader that the configuration names, or ``auto``.

    Returns
    -------
    list of str
        Sorted keys of `septum.config.registry.READERS`, all of them if the names do not tell.

    Examples
    --------
    >>> readers_of(["images/a.tif", "labels/a.png"])
    ['raster', 'tiff']
    >>> readers_of(["a.tif", "a/masks/*.png"])
    ['mask_folder', 'raster', 'tiff']
    """
    every = sorted(registry.READERS)
    if reader == "mask_folder":
        return every  # masks may be of any format
    names = set() if reader == "auto" else {reader}
    for path in map(PurePath, paths):
        name = reader_by_suffix(path)
        if name is None:
            return every
        names |= {name, "mask_folder"} if "*" in path.name else {name}
    return sorted(names)
