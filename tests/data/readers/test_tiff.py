"""TIFF: axes, samples and damage."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from septum.data.readers.choose import read_image, read_labels
from septum.errors import SeptumError

RNG = np.random.default_rng(0)


def pixels(*shape, dtype="uint16"):
    return RNG.integers(0, 255, shape).astype(dtype)


def read_or_complain(path):
    try:
        return read_image(path)[0], ""
    except SeptumError as error:
        return None, str(error)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "float16", "float32"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_a_plain_gray_image(tmp_path, dtype, byteorder):
    array = pixels(5, 7, dtype=dtype)
    tifffile.imwrite(tmp_path / "a.tif", array, byteorder=byteorder)
    image, geometry = read_image(tmp_path / "a.tif")
    assert image.dtype == np.dtype(dtype)
    assert image.dtype.isnative
    np.testing.assert_array_equal(image, array[np.newaxis])
    assert (geometry.spacing, geometry.unit) == ((1.0, 1.0), "pixel")


def test_doubles_become_floats(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", pixels(5, 7, dtype="float64"))
    assert read_image(tmp_path / "a.tif")[0].dtype == np.float32


@pytest.mark.parametrize(
    ("axes", "shape", "order"),
    [
        ("ZYX", (4, 5, 6), (0, 1, 2)),
        ("CYX", (4, 5, 6), (0, 1, 2)),
        ("ZCYX", (3, 2, 5, 6), (1, 0, 2, 3)),
        ("CZYX", (2, 3, 5, 6), (0, 1, 2, 3)),
        ("TCZYX", (1, 2, 3, 5, 6), None),
    ],
)
@pytest.mark.parametrize("flavour", ["ome", "shaped"])
def test_named_axes(tmp_path, axes, shape, order, flavour):
    array = pixels(*shape)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, array, ome=flavour == "ome", metadata={"axes": axes}, photometric="minisblack"
    )
    expected = array[0] if order is None else array.transpose(order)
    expected = expected if "C" in axes else expected[np.newaxis]
    np.testing.assert_array_equal(read_image(path)[0], expected)


@pytest.mark.parametrize(
    ("axes", "shape"), [("ZYX", (4, 5, 6)), ("CYX", (4, 5, 6)), ("ZCYX", (3, 2, 5, 6))]
)
def test_imagej_axes(tmp_path, axes, shape):
    array = pixels(*shape)
    tifffile.imwrite(tmp_path / "a.tif", array, imagej=True, metadata={"axes": axes})
    expected = {"ZYX": array[np.newaxis], "CYX": array, "ZCYX": array.swapaxes(0, 1)}[axes]
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[0], expected)


@pytest.mark.parametrize(("pages", "meaning"), [(2, "C"), (8, "C"), (9, "Z"), (40, "Z")])
def test_unnamed_pages_are_channels_up_to_eight_and_slices_beyond(tmp_path, pages, meaning):
    array = pixels(pages, 5, 6)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, photometric="minisblack", metadata=None)
    image, geometry = read_image(path)
    assert image.shape == ((pages, 5, 6) if meaning == "C" else (1, pages, 5, 6))
    assert geometry.source["unnamed_pages"] == meaning
    assert read_image(path, "tiff_stack")[0].shape == (1, pages, 5, 6)
    assert read_image(path, "tiff_channels")[0].shape == (pages, 5, 6)
    np.testing.assert_array_equal(read_labels(path)[0], array)


def test_two_unnamed_axes_are_an_error(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", pixels(3, 4, 5, 6), photometric="minisblack")
    with pytest.raises(SeptumError, match="which axis is which"):
        read_image(tmp_path / "a.tif")


def test_time_is_an_error_unless_it_stands_for_z(tmp_path):
    array = pixels(9, 5, 6)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, imagej=True, metadata={"axes": "TYX"})
    with pytest.raises(SeptumError, match="9 time points"):
        read_image(path)
    np.testing.assert_array_equal(read_image(path, "tiff_stack")[0][0], array)


def test_colours(tmp_path):
    rgb = pixels(5, 7, 3, dtype="uint8")
    opaque = np.dstack([rgb, np.full((5, 7), 255, np.uint8)])
    gray = opaque[..., 2:]
    tifffile.imwrite(tmp_path / "rgb.tif", rgb, photometric="rgb")
    tifffile.imwrite(tmp_path / "rgba.tif", opaque, photometric="rgb", extrasamples=["unassalpha"])
    tifffile.imwrite(
        tmp_path / "ga.tif",
        gray,
        photometric="minisblack",
        planarconfig="contig",
        extrasamples=["unassalpha"],
    )
    for name in ("rgb.tif", "rgba.tif"):
        np.testing.assert_array_equal(read_image(tmp_path / name)[0], rgb.transpose(2, 0, 1))
    np.testing.assert_array_equal(read_image(tmp_path / "ga.tif")[0], rgb[np.newaxis, ..., 2])
    opaque[0, 0, 3] = 0
    tifffile.imwrite(tmp_path / "clear.tif", opaque, photometric="rgb", extrasamples=["unassalpha"])
    with pytest.raises(SeptumError, match=r"clear\.tif: has transparent pixels"):
        read_image(tmp_path / "clear.tif")
    with pytest.raises(SeptumError, match=r"rgb\.tif: has 3 channels \(colours\)"):
        read_labels(tmp_path / "rgb.tif")


def test_the_full_resolution_of_a_pyramid(tmp_path):
    array = pixels(64, 96)
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as tif:
        tif.write(array, subifds=1, metadata={"axes": "YX"}, tile=(32, 32))
        tif.write(array[::2, ::2], subfiletype=1, tile=(32, 32))
    np.testing.assert_array_equal(read_image(tmp_path / "a.ome.tif")[0][0], array)


def test_several_images_in_a_file(tmp_path):
    array = pixels(64, 96)
    for name, second in (("overview.tif", array[:20, :20]), ("twins.tif", array.T)):
        with tifffile.TiffWriter(tmp_path / name) as tif:
            for image in (second, array):
                tif.write(image, metadata=None)
    np.testing.assert_array_equal(read_image(tmp_path / "overview.tif")[0][0], array)
    with pytest.raises(SeptumError, match="holds 2 images"):
        read_image(tmp_path / "twins.tif")


FLAVOURS = {
    "plain": {"metadata": None},
    "pages": {"metadata": None, "contiguous": False},
    "shaped": {},
    "imagej": {"imagej": True, "metadata": {"axes": "ZYX"}},
    "ome": {"ome": True, "metadata": {"axes": "ZYX"}},
    "zlib": {"compression": "zlib", "ome": True},
    "tiles": {"tile": (16, 16), "compression": "lzw"},
    "strips": {"rowsperstrip": 4, "metadata": None},
}


@pytest.mark.parametrize("flavour", FLAVOURS)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(keep=st.floats(0, 0.999))
@example(keep=0.912109375)  # with tiles: inside of the last page's entry
@example(keep=11230.5 / 15217)  # with zlib: inside of a link to the next page
def test_a_file_cut_short_is_an_error_or_whole(tmp_path, flavour, keep):
    array = np.random.default_rng(0).integers(0, 2**16, (10, 20, 30), dtype=np.uint16)
    options = dict(FLAVOURS[flavour])
    if options.pop("contiguous", True):
        tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack", **options)
    else:
        with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
            for page in array:
                tif.write(page, contiguous=False, **options)
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(data[: int(len(data) * keep)])
    image, message = read_or_complain(tmp_path / "cut.tif")
    if message:
        assert "cut.tif: " in message
    else:
        np.testing.assert_array_equal(image[0], array)


def test_what_is_no_tiff(tmp_path):
    (tmp_path / "a.tif").write_text("no image")
    (tmp_path / "b.tif").write_bytes(b"")
    for name in ("a.tif", "b.tif", "gone.tif"):
        with pytest.raises(SeptumError, match=name):
            read_image(tmp_path / name)


def test_imc_pages_are_channels(real_data):
    image, _ = read_image(real_data / "imc" / "images" / "E34.tif")
    assert (image.shape, image.dtype) == ((5, 100, 100), np.float32)
    labels, _ = read_labels(real_data / "imc" / "labels" / "E34.tif")
    assert labels.shape == (100, 100)


@pytest.mark.parametrize(
    ("raw", "labels", "shape"),
    [
        ("stardist/stardist_img3d.tif", "stardist/stardist_mask3d.tif", (31, 61, 57)),
        ("fib25/raw.tif", "fib25/labels.tif", (125, 250, 250)),
        ("plantseg/membrane_ovule_raw.tif", "plantseg/membrane_ovule_labels.tif", (32, 128, 128)),
    ],
)
def test_real_stacks(real_data, raw, labels, shape):
    image, _ = read_image(real_data / raw)
    assert image.shape == (1, *shape)
    np.testing.assert_array_equal(image[0], tifffile.imread(real_data / raw))
    np.testing.assert_array_equal(
        read_labels(real_data / labels)[0], tifffile.imread(real_data / labels)
    )
