"""NIfTI: orientation, place and values, whatever way a volume is stored."""

from __future__ import annotations

import gzip
import itertools

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from septum.data.readers.choose import read_image, read_labels
from septum.errors import SeptumError

VOLUME = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)
OBLIQUE = np.array([[1.8, -0.5, 0.2, -90], [0.6, 1.4, -0.3, 40], [0.1, 0.4, 3.0, -7], [0, 0, 0, 1]])


def save(path, array, affine=None, **header):
    affine = np.diag([1.5, 2.0, 3.0, 1.0]) if affine is None else affine
    image = nib.Nifti1Image(array, affine)
    for key, value in header.items():
        image.header[key] = value
    nib.save(image, path)
    return path


def read_or_complain(path):
    try:
        return read_image(path)[0], ""
    except SeptumError as error:
        return None, str(error)


def test_axes_are_z_y_x(tmp_path):
    image, geometry = read_image(save(tmp_path / "a.nii.gz", VOLUME))
    assert image.shape == (1, 4, 3, 2)
    assert image[0, 3, 1, 0] == VOLUME[0, 1, 3]
    assert image.dtype == np.int16
    assert geometry.spacing == (3.0, 2.0, 1.5)
    assert geometry.unit == "millimeter"
    assert geometry.affine == np.diag([1.5, 2.0, 3.0, 1.0]).tolist()


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1), (1, -1, -1)])
def test_every_voxel_keeps_its_place_in_the_scanner(tmp_path, axes, signs):
    affine = np.zeros((4, 4))
    affine[:3, :3] = (OBLIQUE[:3, :3] * signs)[:, axes]
    affine[:3, 3], affine[3, 3] = OBLIQUE[:3, 3], 1
    image, geometry = read_image(save(tmp_path / "a.nii", VOLUME, affine))
    stored = np.array(geometry.affine)
    # each value is unique: find it in both grids, and compare where the affines put it
    for i, j, k in np.ndindex(VOLUME.shape):
        z, y, x = np.argwhere(image[0] == VOLUME[i, j, k])[0]
        np.testing.assert_allclose(stored @ [x, y, z, 1], affine @ [i, j, k, 1], atol=1e-4)
    # canonical: x runs to the right, y to the front, z upwards, as nearly as may be
    assert nib.aff2axcodes(stored) == ("R", "A", "S")
    assert geometry.spacing == pytest.approx(np.linalg.norm(stored[:3, :3], axis=0)[::-1], 1e-5)


def test_equal_grids_stored_differently_agree(tmp_path):
    one, _ = read_image(save(tmp_path / "ras.nii.gz", VOLUME, np.eye(4)))
    flip = np.array([[-1.0, 0, 0, 1], [0, -1, 0, 2], [0, 0, 1, 0], [0, 0, 0, 1]])
    other, _ = read_image(save(tmp_path / "lps.nii.gz", VOLUME[::-1, ::-1], flip))
    np.testing.assert_array_equal(one, other)


def test_channels_are_the_fourth_axis(tmp_path):
    array = np.stack([VOLUME, VOLUME + 100], axis=-1).astype(np.float32)
    image, _ = read_image(save(tmp_path / "a.nii.gz", array))
    assert image.shape == (2, 4, 3, 2)
    assert image[1, 0, 0, 0] == 100
    image, _ = read_image(save(tmp_path / "b.nii.gz", array[:, :, :, np.newaxis]))
    assert image.shape == (2, 4, 3, 2)


def test_colours_are_channels(tmp_path):
    rgb = np.zeros((2, 3, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    rgb["G"] = 7
    image, _ = read_image(save(tmp_path / "a.nii.gz", rgb))
    assert image.shape == (3, 4, 3, 2)
    assert image[:, 0, 0, 0].tolist() == [0, 7, 0]


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1)])
def test_a_slice_is_two_dimensional(tmp_path, shape):
    array = np.arange(20, dtype=np.uint8).reshape(shape)
    image, geometry = read_image(save(tmp_path / "a.nii.gz", array))
    assert image.shape == (1, 4, 5)
    assert image[0, 3, 1] == array.reshape(5, 4)[1, 3]
    assert geometry.spacing == (2.0, 1.5)


def test_scaling_is_applied(tmp_path):
    path = tmp_path / "a.nii"
    image = nib.Nifti1Image(VOLUME, np.eye(4))
    image.header.set_slope_inter(0.5, -10)
    image.header.set_data_dtype(np.int16)
    nib.save(image, path)
    read, _ = read_image(path)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read[0].transpose(2, 1, 0), 0.5 * VOLUME - 10)


@pytest.mark.parametrize(
    ("unit", "spacing", "name"),
    [("mm", 1.5, "millimeter"), ("micron", 1.5, "micrometer"), ("meter", 1500, "millimeter")],
)
def test_units(tmp_path, unit, spacing, name):
    image = nib.Nifti1Image(VOLUME, np.diag([1.5, 2.0, 3.0, 1.0]))
    image.header.set_xyzt_units(unit)
    nib.save(image, tmp_path / "a.nii")
    _, geometry = read_image(tmp_path / "a.nii")
    assert (geometry.spacing[2], geometry.unit) == (pytest.approx(spacing), name)


def test_float_labels_that_are_whole_numbers(tmp_path):
    path = save(tmp_path / "a.nii.gz", (VOLUME % 3).astype(np.float32))
    labels, _ = read_labels(path)
    assert labels.dtype == np.uint32
    np.testing.assert_array_equal(labels.transpose(2, 1, 0), VOLUME % 3)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(keep=st.floats(0, 0.99))
def test_a_file_cut_short_is_an_error_or_whole(tmp_path, suffix, keep):
    volume = np.random.default_rng(0).integers(0, 99, (9, 8, 7), dtype=np.int16)
    data = save(tmp_path / f"whole{suffix}", volume).read_bytes()
    (tmp_path / f"cut{suffix}").write_bytes(data[: int(len(data) * keep)])
    image, message = read_or_complain(tmp_path / f"cut{suffix}")
    if message:
        assert f"cut{suffix}: " in message
    else:  # the end of a gzip file holds a checksum, no voxel
        assert suffix == ".nii.gz"
        np.testing.assert_array_equal(image[0].transpose(2, 1, 0), volume)


def test_what_is_no_nifti(tmp_path):
    (tmp_path / "text.nii").write_text("no header")
    with gzip.open(tmp_path / "text.nii.gz", "wb") as file:
        file.write(b"nothing" * 100)
    nib.save(nib.AnalyzeImage(VOLUME, np.eye(4)), tmp_path / "old.img")
    save(tmp_path / "flat.nii", VOLUME)
    flat = bytearray((tmp_path / "flat.nii").read_bytes())
    flat[280:328] = bytes(48)  # an sform of zeros
    (tmp_path / "flat.nii").write_bytes(flat)
    save(tmp_path / "line.nii", VOLUME[:, :1, :1])
    for name in ("text.nii", "text.nii.gz", "old.img", "flat.nii", "line.nii", "gone.nii"):
        with pytest.raises(SeptumError, match=name):
            read_image(tmp_path / name)


def test_hippocampus(real_data):
    path = sorted((real_data / "hippocampus" / "imagesTr").glob("*.nii.gz"))[0]
    image, geometry = read_image(path)
    expected = nib.as_closest_canonical(nib.load(path))
    np.testing.assert_array_equal(image[0], np.asarray(expected.dataobj).transpose(2, 1, 0))
    assert geometry.spacing == (1.0, 1.0, 1.0)
    assert geometry.unit == "millimeter"


def test_totalseg_mr_is_turned_to_ras(real_data):
    folder = real_data / "totalseg"
    image, geometry = read_image(folder / "example_mr_sm.nii.gz")
    labels, place = read_labels(folder / "example_seg_mr.nii.gz")
    assert image.shape == (1, *labels.shape) == (1, 20, 91, 117)
    assert nib.aff2axcodes(nib.load(folder / "example_mr_sm.nii.gz").affine) == ("L", "P", "S")
    assert nib.aff2axcodes(np.array(geometry.affine)) == ("R", "A", "S")
    np.testing.assert_allclose(geometry.affine, place.affine, atol=1e-3)
