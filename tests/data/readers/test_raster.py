"""PNG and JPEG: depths, colours, alpha, palettes, damage."""

from __future__ import annotations

import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from septum.data.readers.choose import read_image, read_labels
from septum.errors import SeptumError

RNG = np.random.default_rng(0)


def pixels(*shape, dtype="uint8"):
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def write_png(path, rows, depth, colour):
    """Write rows of packed samples as a PNG, by the specification."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width = len(rows), len(rows[0]) * 8 // depth
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", data), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_gray_and_colours(tmp_path, dtype, channels):
    array = pixels(5, 7, channels, dtype=dtype)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(array.squeeze()))
    image, geometry = read_image(tmp_path / "a.png")
    assert image.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(image, array.transpose(2, 0, 1))
    assert (geometry.spacing, geometry.unit) == ((1.0, 1.0), "pixel")


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("colours", [1, 3])
def test_opaque_alpha_is_dropped(tmp_path, dtype, colours):
    array = pixels(5, 7, colours + 1, dtype=dtype)
    array[..., -1] = np.iinfo(dtype).max
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(array))
    image, _ = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(image, array[..., :-1].transpose(2, 0, 1))
    array[2, 3, -1] -= 1
    (tmp_path / "b.png").write_bytes(imagecodecs.png_encode(array))
    with pytest.raises(SeptumError, match=r"b\.png: has transparent pixels"):
        read_image(tmp_path / "b.png")


def test_palettes(tmp_path):
    indices = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    picture = Image.fromarray(indices, mode="P")
    picture.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png")[0], indices)
    image, _ = read_image(tmp_path / "a.png")
    assert image[:, 0, 1].tolist() == [40, 50, 60]


@pytest.mark.parametrize(
    ("depth", "row"), [(1, [0b01010011]), (2, [0b00011011]), (4, [0x0F, 0x3A])]
)
def test_labels_of_few_bits_keep_their_numbers(tmp_path, depth, row):
    write_png(tmp_path / "a.png", [row, row], depth, 0)
    expected = [
        (byte >> shift) & (2**depth - 1) for byte in row for shift in range(8 - depth, -1, -depth)
    ]
    assert read_labels(tmp_path / "a.png")[0].tolist() == [expected, expected]


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_labels(tmp_path, dtype):
    array = pixels(5, 7, dtype=dtype)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(array))
    labels, _ = read_labels(tmp_path / "a.png")
    assert labels.dtype == np.uint32
    np.testing.assert_array_equal(labels, array)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_coloured_labels_are_an_error(tmp_path, dtype):
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels(5, 7, 3, dtype=dtype)))
    with pytest.raises(SeptumError, match=r"a\.png: has 3 channels \(colours\)"):
        read_labels(tmp_path / "a.png")


def test_jpeg(tmp_path):
    gray, colours = np.full((16, 24), 99, np.uint8), np.full((16, 24, 3), 99, np.uint8)
    Image.fromarray(gray).save(tmp_path / "gray.jpg")
    Image.fromarray(colours).save(tmp_path / "rgb.JPEG")
    Image.fromarray(colours).convert("CMYK").save(tmp_path / "cmyk.jpg")
    assert read_image(tmp_path / "gray.jpg")[0].shape == (1, 16, 24)
    for name in ("rgb.JPEG", "cmyk.jpg"):
        image, _ = read_image(tmp_path / name)
        assert image.shape == (3, 16, 24)
        np.testing.assert_allclose(image, 99, atol=2)
    with pytest.raises(SeptumError, match="lossy"):
        read_labels(tmp_path / "gray.jpg")


def read_or_complain(path):
    try:
        return read_image(path)[0], ""
    except SeptumError as error:
        return None, str(error)


@pytest.mark.parametrize("kind", ["gray.png", "deep.png", "rgb.png", "rgb.jpg", "gray.jpg"])
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(keep=st.floats(0, 0.999))
def test_a_file_cut_short_is_an_error_or_whole(tmp_path, kind, keep):
    rng = np.random.default_rng(0)
    shape = (30, 40, 3) if "rgb" in kind else (30, 40)
    array = rng.integers(0, 255, shape, dtype=np.uint16 if "deep" in kind else np.uint8)
    if kind.endswith("png"):
        (tmp_path / kind).write_bytes(imagecodecs.png_encode(array))
    else:
        Image.fromarray(array).save(tmp_path / kind)
    whole, _ = read_image(tmp_path / kind)
    data = (tmp_path / kind).read_bytes()
    cut = tmp_path / f"cut_{kind}"
    cut.write_bytes(data[: int(len(data) * keep)])
    image, message = read_or_complain(cut)
    if message:
        assert f"cut_{kind}: " in message
    else:
        np.testing.assert_array_equal(image, whole)


def test_what_is_no_image(tmp_path):
    (tmp_path / "a.png").write_text("no image")
    (tmp_path / "b.jpg").write_bytes(b"")
    for name in ("a.png", "b.jpg", "gone.png"):
        with pytest.raises(SeptumError, match=name):
            read_image(tmp_path / name)


def test_dsb2018(real_data):
    folder = real_data / "dsb2018"
    fluo = sorted((folder / "fluo" / "images").glob("*.png"))[0]
    image, _ = read_image(fluo)
    np.testing.assert_array_equal(image[0], np.asarray(Image.open(fluo)))
    rgb = sorted((folder / "rgb" / "images").glob("*.png"))[0]
    image, _ = read_image(rgb)
    np.testing.assert_array_equal(image.transpose(1, 2, 0), np.asarray(Image.open(rgb)))
