"""Label maps as NIfTI, with the geometry of the image that was read."""

from __future__ import annotations

import base64
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.orientations import apply_orientation, ornt_transform

from septum.data.store import Geometry


def write_nifti(path: Path, labels: np.ndarray, geometry: Geometry) -> None:
    """Undo the reader's flips and swaps of axes, and give the original header back."""
    source = geometry.source
    wide = source["version"] == 2
    kind, header_kind = (
        (nib.Nifti2Image, nib.Nifti2Header) if wide else (nib.Nifti1Image, nib.Nifti1Header)
    )
    header = header_kind(base64.b64decode(source["header"]), check=False)
    header["magic"] = header.single_magic
    header["vox_offset"] = 0
    header["cal_min"] = header["cal_max"] = 0
    header.set_data_dtype(labels.dtype)
    header.set_slope_inter(1, 0)
    header.set_intent("none")
    orientation = np.array(source["orientation"])
    shape = np.array(source["shape"])
    canonical = np.empty(3, int)
    canonical[orientation[:, 0]] = shape
    voxels = labels.reshape(canonical[::-1]).transpose()
    identity = np.array([[0, 1], [1, 1], [2, 1]])
    voxels = apply_orientation(voxels, ornt_transform(identity, orientation))
    ndim = min(3, len(header.get_data_shape()))
    affine = header.get_best_affine()
    nib.save(kind(np.ascontiguousarray(voxels.reshape(shape[:ndim])), affine, header), path)
