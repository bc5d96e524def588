"""NIfTI: volumes with their place in the scanner.

The array is brought into the canonical orientation by flips and swaps of axes alone, without
resampling: stored axes (z, y, x) run to Superior, Anterior, Right of the patient, so that all
volumes of a dataset lie alike, oblique ones as nearly as they can.
`septum.data.writers.nifti` undoes exactly that; the original header is kept for it, byte by byte.
"""

from __future__ import annotations

import base64
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.orientations import (
    apply_orientation,
    inv_ornt_aff,
    io_orientation,
)

from septum.data.readers.base import native, single_channel
from septum.data.store import Geometry
from septum.errors import problem
from septum.io.units import parse_length

# What NIfTI leaves unsaid is millimetres by custom.
_UNITS = {"unknown": "mm", "mm": "mm", "micron": "um", "meter": "m"}


class NiftiReader:
    """Read NIfTI-1 and NIfTI-2, single files or .hdr/.img pairs, gzipped or not."""

    name = "nifti"

    def read_image(self, path: Path) -> tuple[np.ndarray, Geometry]:
        """Return the image (C, *spatial) in canonical orientation."""
        array, geometry = _read(path)
        return native(array, path), geometry

    def read_labels(self, path: Path) -> tuple[np.ndarray, Geometry]:
        """Return the labels (*spatial) in canonical orientation."""
        array, geometry = _read(path)
        return single_channel(array, path), geometry


def _read(path: Path) -> tuple[np.ndarray, Geometry]:
    image = nib.load(path)
    if not isinstance(image, nib.Nifti1Pair):
        what = f"is {type(image).__name__}, not NIfTI"
        raise problem(path, what, "convert it to NIfTI (.nii.gz)")
    affine = image.affine
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        what = "has a header that does not place its voxels (singular affine)"
        raise problem(path, what, "mend the header: nibabel's set_sform, or fslorient")
    array = _channels_last(np.asanyarray(image.dataobj))
    shape = array.shape[:3]
    orientation = io_orientation(affine)
    array = apply_orientation(array, orientation)
    affine = affine @ inv_ornt_aff(orientation, shape)
    # (i, j, k, c) -> (c, k, j, i)
    array = array.transpose(range(array.ndim)[::-1])
    kept = [axis for axis in range(3) if array.shape[1 + axis] > 1]
    if len(kept) < 2:
        raise problem(path, f"is a single line of voxels {shape}", "give a slice or a volume")
    array = array.reshape(array.shape[0], *(array.shape[1 + axis] for axis in kept))
    unit = _UNITS.get(image.header.get_xyzt_units()[0], "mm")
    steps = [parse_length(float(s), unit) for s in nib.affines.voxel_sizes(affine)[::-1]]
    source = {
        "reader": "nifti",
        "path": str(path),
        "header": base64.b64encode(image.header.binaryblock).decode("ascii"),
        "version": 2 if isinstance(image.header, nib.Nifti2Header) else 1,
        "shape": [int(n) for n in shape],
        "orientation": orientation.astype(int).tolist(),
        "placed": bool(image.header["sform_code"] > 0 or image.header["qform_code"] > 0),
    }
    geometry = Geometry(
        spacing=tuple(steps[axis][0] for axis in kept),
        unit=steps[0][1],
        affine=affine.tolist(),
        source=source,
    )
    return array, geometry


def _channels_last(array: np.ndarray) -> np.ndarray:
    """Return voxels as (i, j, k, c), whatever NIfTI calls the axes after the third."""
    while array.ndim < 3:
        array = array[..., np.newaxis]
    if array.dtype.fields:  # RGB24 and RGBA32
        array = np.stack([array[name] for name in array.dtype.names], axis=-1)
    return array.reshape(*array.shape[:3], -1)
