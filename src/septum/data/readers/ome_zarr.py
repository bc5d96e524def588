"""OME-Zarr: versions 0.4 (Zarr v2) and 0.5 (Zarr v3); the highest resolution is read.

Labels are given by their own path (``{case}.zarr/labels/nuclei``), or by the image's: then it
must hold one label image only; an image without any is taken for the label map itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from septum.data.readers.base import (
    native,
    single_channel,
    to_channels_first,
)
from septum.data.store import Geometry
from septum.errors import problem
from septum.io.units import in_one_unit, parse_length

_TIME = "save each time point as an image of its own"


class OmeZarrReader:
    """Read OME-Zarr images and label images."""

    name = "ome_zarr"

    def read_image(self, path: Path) -> tuple[np.ndarray, Geometry]:
        """Return the image (C, *spatial)."""
        array, geometry = _read(path, _group(path))
        return native(array, path), geometry

    def read_labels(self, path: Path) -> tuple[np.ndarray, Geometry]:
        """Return the labels (*spatial)."""
        group = _group(path)
        metadata = _metadata(group)
        if "image-label" not in metadata and "labels" in group:
            names = _metadata(group["labels"]).get("labels", [])
            if len(names) != 1:
                what = f"holds {len(names)} label images ({', '.join(map(str, names))})"
                raise problem(path, what, "name one in the pattern: {case}.zarr/labels/<name>")
            path = path / "labels" / names[0]
            group = group["labels"][names[0]]
        array, geometry = _read(path, group)
        return single_channel(array, path), geometry


def _group(path: Path) -> zarr.Group:
    if not path.exists():
        raise FileNotFoundError(path)
    try:
        return zarr.open_group(path, mode="r")
    except FileNotFoundError:
        what = f"is a {'folder' if path.is_dir() else 'file'} without a Zarr group"
        raise problem(path, what, "give the path of an OME-Zarr image") from None


def _metadata(group: zarr.Group) -> Mapping[str, Any]:
    attributes = group.attrs.asdict()
    return attributes.get("ome", attributes)


def _read(path: Path, group: zarr.Group) -> tuple[np.ndarray, Geometry]:
    metadata = _metadata(group)
    if not metadata.get("multiscales"):
        kind = "a plate" if "plate" in metadata else "no OME-Zarr image"
        what = f"is {kind} (no multiscales)"
        raise problem(path, what, "give the path of one image, such as {case}.zarr/0")
    multiscale = metadata["multiscales"][0]
    level = multiscale["datasets"][0]
    array = group[level["path"]]
    axes = [a if isinstance(a, dict) else {"name": a} for a in multiscale.get("axes", "tczyx")]
    names = "".join(_letter(axis) for axis in axes)
    if len(names) != array.ndim:
        what = f"names {len(names)} axes of an array that has {array.ndim}"
        raise problem(path, what, "mend its metadata: multiscales, axes")
    image, spatial = to_channels_first(array[...], names, path, time=_TIME)
    scale, origin = _placed(multiscale, level, array.ndim)
    units = {n: axis.get("unit") for n, axis in zip(names, axes, strict=True)}
    steps = dict(zip(names, scale, strict=True))
    if any(units[axis] for axis in spatial):
        spacing, unit = in_one_unit([parse_length(steps[axis], units[axis]) for axis in spatial])
    else:  # a scale without a unit still says how the axes relate
        spacing, unit = tuple(float(steps[axis]) for axis in spatial), "pixel"
    source = {
        "reader": "ome_zarr",
        "path": str(path),
        "version": "0.4" if group.metadata.zarr_format == 2 else "0.5",
        "origin": [float(origin[names.index(a)] / steps[a]) for a in spatial],
    }
    return image, Geometry(spacing=spacing, unit=unit, source=source)


def _letter(axis: Mapping[str, Any]) -> str:
    kind = axis.get("type", "")
    return {"channel": "C", "time": "T"}.get(kind, str(axis["name"])[:1].upper())


def _placed(
    multiscale: Mapping[str, Any], level: Mapping[str, Any], ndim: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return scale and origin: the level's transformations, then those of all levels."""
    scale, origin = np.ones(ndim), np.zeros(ndim)
    for holder in (level, multiscale):
        for step in holder.get("coordinateTransformations", []):
            if step["type"] == "scale":
                scale, origin = scale * step["scale"], origin * step["scale"]
            elif step["type"] == "translation":
                origin = origin + step["translation"]
    return scale, origin
