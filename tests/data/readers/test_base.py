"""What the readers share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from septum.data.readers.base import drop_opaque_alpha, native, reading, single_channel
from septum.errors import SeptumError

PATH = Path("x.tif")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (FileNotFoundError(), "x.tif: does not exist"),
        (IsADirectoryError(), "x.tif: is a folder, not a file"),
        (PermissionError(), r"x.tif: cannot be read \(permission denied\)"),
        (RuntimeError("bad tag\nat 7"), r"x.tif: cannot be read \(RuntimeError: bad tag\)"),
        (EOFError(), r"x.tif: cannot be read \(EOFError\)"),
    ],
)
def test_whatever_a_library_raises_names_the_file(error, message):
    with pytest.raises(SeptumError, match=message), reading(PATH):
        raise error


@pytest.mark.parametrize(
    ("dtype", "read"),
    [
        ("bool", "uint8"),
        (">u2", "uint16"),
        ("<f4", "float32"),
        (">f8", "float32"),
        ("int64", "int64"),
        ("float16", "float16"),
    ],
)
def test_dtypes_of_images(dtype, read):
    array = native(np.array([0, 1]).astype(dtype), PATH)
    assert (array.dtype, array.tolist()) == (np.dtype(read), [0, 1])
    assert array.dtype.isnative


def test_complex_pixels_are_no_intensities():
    with pytest.raises(SeptumError, match=r"x\.tif: holds pixels of type complex128"):
        native(np.array([1j]), PATH)


def test_labels_have_one_channel():
    assert single_channel(np.array([[[1, 2]]]), PATH).tolist() == [[1, 2]]
    with pytest.raises(SeptumError, match=r"has 3 channels \(colours\)"):
        single_channel(np.zeros((3, 1, 1)), PATH)


def test_alpha_must_be_opaque():
    image = np.array([[[7]], [[255]]], np.uint8)
    assert drop_opaque_alpha(image, PATH).tolist() == [[[7]]]
    assert drop_opaque_alpha(np.array([[[7.0]], [[1.0]]]), PATH).tolist() == [[[7.0]]]
    with pytest.raises(SeptumError, match="has transparent pixels"):
        drop_opaque_alpha(image[::-1], PATH)
