"""Which reader the name of a file asks for, where the configuration says ``reader: auto``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from septum.config import registry


def reader_by_suffix(path: str | PurePath) -> str | None:
    """Return the reader for the suffix of a path.

    Parameters
    ----------
    path : str or PurePath
        Of a file, or of a pattern of files; nothing is looked up on the disk.

    Returns
    -------
    str or None
        A key of `septum.config.registry.READERS`. None where no reader has that suffix and the
        path does not lead into a ``.zarr``.

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


def readers_of(paths: Iterable[str], given: str = "auto") -> list[str]:
    """Return the readers that files may be read by, without a look at the disk.

    Parameters
    ----------
    paths : iterable of str
        Images and label maps; a pattern with ``*`` stands for a folder of masks.
    given : str
        The reader that the configuration names, or ``auto``.

    Returns
    -------
    list of str
        Sorted keys of `septum.config.registry.READERS`: all of them where the names do not tell.

    Examples
    --------
    >>> readers_of(["images/a.tif", "labels/a.png"])
    ['raster', 'tiff']
    >>> readers_of(["a.tif", "a/masks/*.png"])
    ['mask_folder', 'raster', 'tiff']
    """
    every = sorted(registry.READERS)
    if given == "mask_folder":
        return every  # masks may be of any format
    names = set() if given == "auto" else {given}
    for path in map(PurePath, paths):
        name = reader_by_suffix(path)
        if name is None:
            return every
        names |= {name, "mask_folder"} if "*" in path.name else {name}
    return sorted(names)
