"""Label maps as TIFF.

They hold 16 bits and ImageJ's metadata, or, with more than 65,535 objects, 32 bits and OME's:
ImageJ has no such integers.
"""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from septum.data.store import Geometry
from septum.io import ngff
from septum.io.units import ASCII_SYMBOLS, SYMBOLS

MAX_CLASSIC_TIFF_BYTES = 2**32 - 2**25  # where a TIFF needs 64-bit offsets


def write_tiff(path: Path, labels: np.ndarray, geometry: Geometry) -> None:
    """Write 16 bits with ImageJ's metadata; more bits, and very large maps, with OME's."""
    axes = "".join(ngff.spatial_axes(labels.ndim)).upper()
    spacing = dict(zip(axes, geometry.spacing, strict=True))
    known = geometry.unit in ASCII_SYMBOLS
    ome = labels.dtype == np.uint32 or labels.nbytes > MAX_CLASSIC_TIFF_BYTES
    metadata: dict[str, Any] = {"axes": axes}
    if ome:
        # else it would be drawn at random: equal labels, equal bytes
        digest = hashlib.sha256(np.ascontiguousarray(labels)).digest()
        metadata["UUID"] = str(uuid.UUID(bytes=digest[:16]))
    if ome and known:
        for axis, step in spacing.items():
            metadata[f"PhysicalSize{axis}"] = step
            metadata[f"PhysicalSize{axis}Unit"] = SYMBOLS[geometry.unit]
    elif known:
        metadata["unit"] = ASCII_SYMBOLS[geometry.unit]
        metadata |= {"spacing": spacing["Z"]} if "Z" in spacing else {}
    tifffile.imwrite(
        path,
        labels,
        imagej=not ome,
        ome=ome,
        bigtiff=labels.nbytes > MAX_CLASSIC_TIFF_BYTES,
        resolution=(1 / spacing["X"], 1 / spacing["Y"]) if known else None,
        metadata=metadata,
        compression="zlib",
        photometric="minisblack",
    )
