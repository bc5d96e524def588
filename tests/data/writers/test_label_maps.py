"""Predictions come back in the input's own format, in its own place."""

from __future__ import annotations

import itertools
import os

import nibabel as nib
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from septum.config.schema import Export
from septum.data.readers.choose import read_image, read_labels
from septum.data.store import Geometry, Prediction, case_path, write_prediction
from septum.data.writers.label_maps import export_prediction, export_stem
from septum.errors import SeptumError
from septum.stages.export.stage import export_predictions

LABELS = Export(formats=[])
RNG = np.random.default_rng(0)
ONE = {"1": {"name": "cell", "kind": "thing"}}
TWO = {**ONE, "2": {"name": "matrix", "kind": "stuff"}}
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


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    shape=st.lists(st.integers(2, 9), min_size=2, max_size=3).map(tuple),
    highest=st.sampled_from([2, 300, 2**16, 2**20]),
    unit=st.sampled_from(["pixel", "micrometer", "millimeter"]),
)
def test_tiff_round_trip(tmp_path, shape, highest, unit):
    spacing = (2.0, 0.5, 0.25)[-len(shape) :] if unit != "pixel" else (1.0,) * len(shape)
    geometry = Geometry(spacing, unit, None, {"reader": "tiff", "path": "in/case.tif"})
    prediction = predicted(shape, geometry, highest=highest)
    prediction.instance.flat[0] = highest - 1
    (out,) = export_prediction(tmp_path, prediction)
    assert out == tmp_path / "case.tif"
    labels, place = read_labels(out)
    np.testing.assert_array_equal(labels, prediction.instance)
    assert place.spacing == pytest.approx(spacing, rel=1e-4)
    assert place.unit == unit
    with tifffile.TiffFile(out) as tif:
        wide = highest > 2**16
        assert tif.series[0].dtype == (np.uint32 if wide else np.uint16)
        assert (tif.is_ome, tif.is_imagej) == (wide, not wide)
        assert tif.series[0].axes == "ZYX"[-len(shape) :]


@pytest.mark.parametrize(
    ("annotation", "classes", "names"),
    [
        ("instance", ONE, ["case.tif"]),
        ("instance", TWO, ["case.tif", "case_classes.tif"]),
        ("panoptic", ONE, ["case.tif", "case_classes.tif"]),
        ("semantic", TWO, ["case.tif"]),
    ],
)
def test_what_is_delivered(tmp_path, annotation, classes, names):
    Image.fromarray(RNG.integers(0, 255, (5, 6), dtype=np.uint8)).save(tmp_path / "case.png")
    _, geometry = read_image(tmp_path / "case.png")
    prediction = predicted((5, 6), geometry)
    prediction.attributes = {"annotation": annotation, "classes": classes}
    out = export_prediction(tmp_path / "out", prediction)
    assert [path.name for path in out] == names
    assert sorted(os.listdir(tmp_path / "out")) == names
    first = prediction.semantic if annotation == "semantic" else prediction.instance
    np.testing.assert_array_equal(tifffile.imread(out[0]), first)
    if len(names) > 1:
        np.testing.assert_array_equal(tifffile.imread(out[1]), prediction.semantic)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr(tmp_path, version):
    group = zarr.create_group(tmp_path / "case.zarr", zarr_format=2 if version == "0.4" else 3)
    group.create_array("0", data=RNG.integers(0, 99, (1, 5, 6, 7), dtype=np.uint16))
    steps = [
        {"type": "scale", "scale": [1, 2.0, 0.5, 0.25]},
        {"type": "translation", "translation": [0, 10.0, 20.0, 30.0]},
    ]
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"]
    datasets = [{"path": "0", "coordinateTransformations": steps}]
    metadata = {"multiscales": [{"axes": axes, "datasets": datasets}]}
    group.attrs.update(metadata if version == "0.4" else {"ome": {"version": "0.5", **metadata}})
    _, geometry = read_image(tmp_path / "case.zarr")
    prediction = predicted((5, 6, 7), geometry, highest=2**20)
    (out,) = export_prediction(tmp_path / "out", prediction)
    assert out.name == "case.zarr"
    labels, place = read_labels(out)
    np.testing.assert_array_equal(labels, prediction.instance)
    assert (place.spacing, place.unit) == ((2.0, 0.5, 0.25), "micrometer")
    assert place.source["origin"] == geometry.source["origin"] == [5.0, 40.0, 120.0]
    assert place.source["version"] == version
    written = zarr.open_group(out, mode="r")
    assert written.metadata.zarr_format == (2 if version == "0.4" else 3)
    attributes = written.attrs.asdict()
    assert "image-label" in attributes.get("ome", attributes)


@pytest.mark.parametrize(
    ("name", "path", "stem"),
    [
        ("a", "in/a.tif", "a"),
        ("a", "in/a_ch0.ome.tif", "a_ch0"),
        ("a", "in/a.nii.gz", "a"),
        ("a", "in/a.b.png", "a.b"),
        ("a", "a.ome.zarr", "a"),
        ("a", "x/a/image.tif", "a"),
        ("7", "x/cell_7_raw.tif", "cell_7_raw"),
        ("plate 7", "x/plate 7/scan.tif", "plate_7"),
        ("<script>", "x/<script>.png", "script"),
    ],
)
def test_names_of_delivered_files(name, path, stem):
    found = export_stem(name, Geometry((1.0, 1.0), source={"path": path}))
    assert found == stem or (found.startswith(f"{stem}-") and found.isascii())


def store_predictions(folder, *names_and_paths, classes=ONE):
    for name, path in names_and_paths:
        p = predicted((5, 6), Geometry((1.0, 1.0), source={"reader": "tiff", "path": path}), name)
        write_prediction(
            case_path(folder, name),
            semantic=p.semantic,
            instance=p.instance,
            geometry=p.geometry,
            name=name,
            attributes={"annotation": "instance", "classes": classes},
        )
    return folder


def test_all_predictions_of_an_experiment(tmp_path):
    one = store_predictions(tmp_path / "1of2", ("a", "in/a_im.tif"), ("b", "in/b_im.tif"))
    two = store_predictions(tmp_path / "2of2", ("a_im", "new/a_im.tif"), ("c", "new/scan.tif"))
    out = tmp_path / "predictions"
    for _ in range(2):
        export_predictions(predicted=[one, two], out=out, settings=LABELS)
        # a and a_im would meet under one name
        assert sorted(os.listdir(out)) == ["a.tif", "a_im.tif", "b_im.tif", "c.tif"]
    (out / "mine.txt").write_text("a list")
    with pytest.raises(SeptumError, match="holds other files"):
        export_predictions(predicted=[one, two], out=out, settings=LABELS)
    assert (out / "mine.txt").exists()
    assert sorted(os.listdir(tmp_path)) == ["1of2", "2of2", "predictions"]


def test_no_two_cases_share_a_file_on_any_disk(tmp_path):
    names = [("A", "x/A.tif"), ("a", "x/a.tif"), ("b", "x/b.tif"), ("b c", "y/b.tif")]
    export_predictions(
        predicted=[store_predictions(tmp_path / "in", *names)],
        out=tmp_path / "out",
        settings=LABELS,
    )
    written = os.listdir(tmp_path / "out")
    assert len({name.lower() for name in written}) == len(written) == 4
    assert "b.tif" in written
    assert all(name.lower().startswith(("a-", "b.", "b_c-")) for name in written)


def test_a_class_map_is_not_replaced_by_another_case(tmp_path):
    names = [("a", "x/a.tif"), ("a_classes", "x/a_classes.tif")]
    folder = store_predictions(tmp_path / "in", *names, classes=TWO)
    export_predictions(predicted=[folder], out=tmp_path / "out", settings=LABELS)
    assert len(os.listdir(tmp_path / "out")) == 4


def test_the_same_prediction_gives_the_same_bytes(tmp_path):
    nifti = save_nifti(tmp_path / "n.nii.gz", RNG.integers(0, 9, (4, 5, 6)).astype("i2"), OBLIQUE)
    image, place = read_image(nifti)
    tiff = Geometry((0.5, 0.5), "micrometer", None, {"reader": "tiff", "path": "t.tif"})
    for prediction in (
        Prediction("n", image[0].astype(np.uint16), None, place),
        Prediction("t", np.ones((5, 6), np.uint16), np.full((5, 6), 9, np.uint32), tiff),
        Prediction("t", np.ones((5, 6), np.uint16), np.full((5, 6), 2**20, np.uint32), tiff),
    ):
        written = [export_prediction(tmp_path / folder, prediction)[0] for folder in ("one", "two")]
        assert written[0].read_bytes() == written[1].read_bytes()


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    prediction = predicted((5, 6), Geometry((1.0, 1.0), source={"reader": "tiff", "path": "a.tif"}))
    with pytest.raises(SeptumError, match="cannot be written"):
        export_prediction(tmp_path / "file", prediction)


def test_totalseg_mr(tmp_path, real_data):
    path = real_data / "totalseg" / "example_seg_mr.nii.gz"
    labels, geometry = read_labels(path)
    prediction = Prediction("mr", labels.astype(np.uint16), None, geometry)
    (out,) = export_prediction(tmp_path, prediction)
    np.testing.assert_array_equal(
        np.asarray(nib.load(out).dataobj), np.asarray(nib.load(path).dataobj)
    )
    np.testing.assert_array_equal(nib.load(out).affine, nib.load(path).affine)
