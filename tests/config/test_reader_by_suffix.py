"""Readers by the names of files, with nothing on the disk."""

from __future__ import annotations

import pytest

from septum.config.reader_by_suffix import reader_by_suffix, readers_of
from septum.config.registry import READERS


@pytest.mark.parametrize(
    ("path", "reader"),
    [
        ("a.nii.gz", "nifti"),
        ("A.TIFF", "tiff"),
        ("a.ome.tif", "tiff"),
        ("a.png", "raster"),
        ("a.zarr", "ome_zarr"),
        ("plate.zarr/A/1", "ome_zarr"),
        ("a.dat", None),
        ("masks", None),
    ],
)
def test_reader_by_suffix(path, reader):
    assert reader_by_suffix(path) == reader


def test_readers_of_the_files_of_a_dataset():
    assert readers_of([]) == []
    assert readers_of(["a.tif", "b.tif", "a.nii"]) == ["nifti", "tiff"]
    assert readers_of(["a/masks/*.png"]) == ["mask_folder", "raster"]
    # labels that come in several files are read by their suffixes
    assert readers_of(["a.tif", "a.png"], "tiff_stack") == ["raster", "tiff", "tiff_stack"]


@pytest.mark.parametrize(
    ("paths", "given"), [(["a.tif", "a/masks"], "auto"), (["a.png"], "mask_folder")]
)
def test_where_the_names_do_not_tell_it_may_be_any(paths, given):
    assert readers_of(paths, given) == sorted(READERS)
