"""Random predictions, and a NIfTI file with an oblique affine, for the writers of label maps."""

from __future__ import annotations

import nibabel as nib
import numpy as np

from septum.data.store import Prediction

RNG = np.random.default_rng(0)
OBLIQUE = np.array([[1.8, -0.5, 0.2, -90], [0.6, 1.4, -0.3, 40], [0.1, 0.4, 3.0, -7], [0, 0, 0, 1]])


def predicted(shape, geometry, name="case", highest=300):
    instance = RNG.integers(0, highest, shape).astype(np.uint32)
    return Prediction(name, (instance > 0).astype(np.uint16), instance, geometry)


def save_nifti(path, array, affine, kind=nib.Nifti1Image, **codes):
    image = kind(array, affine)
    image.set_sform(affine, codes.get("sform", 2))
    image.set_qform(affine, codes.get("qform", 0), strip_shears=True)
    image.header.set_xyzt_units(codes.get("unit", "mm"))
    image.header["descrip"] = b"a scanner's own words"
    nib.save(image, path)
    return path
