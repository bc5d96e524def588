"""Label maps as NIfTI lie where the image lies."""

from __future__ import annotations

import itertools

import nibabel as nib
import numpy as np
import pytest
from made_predictions import OBLIQUE, RNG, predicted, save_nifti

from septum.data.readers.choose import read_image, read_labels
from septum.data.store import Prediction
from septum.data.writers.label_maps import export_prediction


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, -1)])
def test_nifti_voxel_for_voxel(tmp_path, axes, signs):
    """An oblique volume is read, its own values go out as labels, and lie as they did."""
    affine = np.eye(4)
    affine[:3, :3] = (OBLIQUE[:3, :3] * signs)[:, axes]
    affine[:3, 3] = OBLIQUE[:3, 3]
    volume = RNG.integers(0, 999, (4, 5, 6)).astype(np.int16)
    path = save_nifti(tmp_path / "a.nii.gz", volume, affine)
    image, geometry = read_image(path)
    prediction = Prediction("a", image[0].astype(np.uint16), None, geometry)
    (out,) = export_prediction(tmp_path / "out", prediction)
    assert out.name == "a.nii.gz"
    written, original = nib.load(out), nib.load(path)
    np.testing.assert_array_equal(np.asarray(written.dataobj), volume)
    assert written.get_data_dtype() == np.uint16
    np.testing.assert_array_equal(written.affine, original.affine)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize(("sform", "qform"), [(1, 1), (2, 0), (0, 1), (0, 0), (4, 2)])
def test_nifti_header_geometry_is_the_original_s(tmp_path, kind, sform, qform):
    volume = RNG.integers(0, 99, (4, 5, 6, 2)).astype(np.float32)
    affine = OBLIQUE.copy()
    affine[:3, :3] = np.linalg.qr(OBLIQUE[:3, :3])[0] * [1.5, 2.0, 3.0]
    path = save_nifti(
        tmp_path / "a.nii", volume, affine, kind, sform=sform, qform=qform, unit="micron"
    )
    _, geometry = read_image(path)
    prediction = predicted((6, 5, 4), geometry, "a")
    (out,) = export_prediction(tmp_path / "out", prediction)
    assert out.name == "a.nii"
    written, original = nib.load(out).header, nib.load(path).header
    fields = ["sform_code", "qform_code", "srow_x", "srow_y", "srow_z", "quatern_b", "quatern_c"]
    fields += ["quatern_d", "qoffset_x", "qoffset_y", "qoffset_z", "xyzt_units", "descrip"]
    for field in fields:
        np.testing.assert_array_equal(written[field], original[field], err_msg=field)
    np.testing.assert_array_equal(written["pixdim"][:4], original["pixdim"][:4])
    np.testing.assert_array_equal(nib.load(out).affine, nib.load(path).affine)
    assert written.get_data_shape() == (4, 5, 6)
    back, place = read_labels(out)
    np.testing.assert_array_equal(back, prediction.instance)
    assert place.affine == geometry.affine


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1), (1, 5, 4)])
def test_nifti_slices_keep_their_shape(tmp_path, shape):
    path = save_nifti(tmp_path / "a.nii.gz", RNG.integers(0, 9, shape).astype(np.int16), np.eye(4))
    image, geometry = read_image(path)
    prediction = Prediction("a", image[0].astype(np.uint16), None, geometry)
    (out,) = export_prediction(tmp_path, prediction)
    np.testing.assert_array_equal(
        np.asarray(nib.load(out).dataobj), np.asarray(nib.load(path).dataobj)
    )


def test_nifti_pairs_and_big_endian(tmp_path):
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(np.int16)
    volume = RNG.integers(0, 99, (4, 5, 6)).astype(np.int16)
    nib.save(nib.Nifti1Pair(volume, OBLIQUE, header), tmp_path / "a.img")
    for name in ("a.img", "a.hdr"):
        image, geometry = read_image(tmp_path / name)
        prediction = Prediction("a", image[0].astype(np.uint16), None, geometry)
        (out,) = export_prediction(tmp_path / "o", prediction)
        assert out.name == "a.nii.gz"
        np.testing.assert_array_equal(np.asarray(nib.load(out).dataobj), volume)
        np.testing.assert_array_equal(nib.load(out).affine, nib.load(tmp_path / "a.img").affine)


def test_totalseg_mr(tmp_path, real_data):
    path = real_data / "totalseg" / "example_seg_mr.nii.gz"
    labels, geometry = read_labels(path)
    prediction = Prediction("mr", labels.astype(np.uint16), None, geometry)
    (out,) = export_prediction(tmp_path, prediction)
    np.testing.assert_array_equal(
        np.asarray(nib.load(out).dataobj), np.asarray(nib.load(path).dataobj)
    )
    np.testing.assert_array_equal(nib.load(out).affine, nib.load(path).affine)
