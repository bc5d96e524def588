"""Label maps as OME-Zarr, of the version of the image that was read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import zarr

from septum.data.store import Geometry
from septum.io import ngff
from septum.io.zarr_arrays import create_array, create_group


def write_ome_zarr(path: Path, labels: np.ndarray, geometry: Geometry) -> None:
    """Write a label image of the version, 0.4 or 0.5, of the image that was read."""
    source, spacing = geometry.source, geometry.spacing
    version = source["version"]
    origin = [o * step for o, step in zip(source["origin"], spacing, strict=True)]
    name = Path(source["path"]).name
    attributes = ngff.label_attributes(
        name, spacing, geometry.unit, image=None, version=version, origin=origin
    )
    if version == "0.5":
        create_group(path, attributes)
        axes = ngff.spatial_axes(labels.ndim)
        create_array(path, "0", labels.shape, labels.dtype, axes=axes)[...] = labels
        return
    path.mkdir()
    for name, document in ((".zgroup", {"zarr_format": 2}), (".zattrs", attributes)):
        (path / name).write_text(json.dumps(document, indent=1, sort_keys=True), encoding="utf-8")
    zarr.create_array(
        path / "0",
        shape=labels.shape,
        dtype=labels.dtype,
        chunks=tuple(min(n, 512 if labels.ndim < 3 else 64) for n in labels.shape),
        chunk_key_encoding={"name": "v2", "separator": "/"},
        zarr_format=2,
        fill_value=0,
    )[...] = labels
