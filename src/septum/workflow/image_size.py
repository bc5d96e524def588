"""Estimates of image sizes from files and metadata, without reading pixels."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any


def count_pixels(path: str | Path) -> int:
    """Estimate the number of pixels of an image, times its channels.

    For OME-Zarr this is the product of the shape of its full resolution. For a file it is the
    number of bytes, since several bytes a pixel and compression roughly cancel. For any other
    folder it is the number of bytes of all files in it.

    Parameters
    ----------
    path : str or Path
        A file or a folder; 0 is returned if it does not exist (yet).
    """
    if not os.path.isdir(path):
        return os.path.getsize(path) if os.path.exists(path) else 0
    shape = _zarr_shape(Path(path))
    if shape is not None:
        return math.prod(shape)
    files = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    return sum(count_pixels(file) for file in files)


def _zarr_shape(path: Path) -> list[int] | None:
    """Return the shape of an OME-Zarr image (0.5 or 0.4), or None if the folder is none."""
    for of_group, of_array in (("zarr.json", "zarr.json"), (".zattrs", ".zarray")):
        try:
            group = _read(path / of_group)
            attributes = group.get("attributes", group)
            multiscale = attributes.get("ome", attributes)["multiscales"][0]
            array = _read(path / multiscale["datasets"][0]["path"] / of_array)
            return [int(n) for n in array["shape"]]
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            continue  # the reader reports what is wrong with it
    return None


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
