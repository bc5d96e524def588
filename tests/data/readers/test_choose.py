"""Which reader reads a file, and what every label map must be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from septum.config.registry import READERS
from septum.data.readers.choose import check_reader, choose_reader, read_labels
from septum.data.readers.label_map import renumber, split_panoptic, whole_numbers
from septum.errors import SeptumError


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.nii", "nifti"),
        ("a.b.NII.GZ", "nifti"),
        ("a.ome.tif", "tiff"),
        ("A.TIFF", "tiff"),
        ("a.png", "raster"),
        ("a.JPG", "raster"),
        ("a.ome.zarr", "ome_zarr"),
        ("a.zarr/labels/nuclei", "ome_zarr"),
        ("a.zarr/0", "ome_zarr"),
    ],
)
def test_by_suffix(path, name):
    assert choose_reader(path).name == name


def test_folders(tmp_path):
    assert choose_reader(tmp_path).name == "mask_folder"
    (tmp_path / "zarr.json").write_text("{}")
    assert choose_reader(tmp_path).name == "ome_zarr"


def test_by_name_whatever_the_suffix():
    for name in READERS:
        assert choose_reader("a.dat", name).name == name


def test_unknown_suffix_and_unknown_reader():
    with pytest.raises(SeptumError, match=r"a\.dcm: has a suffix that no reader knows \(\.dcm\)"):
        choose_reader("a.dcm")
    with pytest.raises(SeptumError) as caught:
        check_reader("tif", "datasets.nuclei.reader")
    (problem,) = caught.value.problems
    assert problem.where == "datasets.nuclei.reader"
    assert "did you mean 'tiff'?" in problem.remedy
    assert all(name in problem.remedy for name in READERS)
    check_reader("auto")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([[0, 1.5]], np.float32), r"no whole numbers \(1.5 at 1 pixels\)"),
        (np.array([[0, np.nan]], np.float32), "no whole numbers"),
        (np.array([[0, np.inf]], np.float32), "no whole numbers"),
        (np.array([[0, -1, -7]], np.int16), r"negative labels \(-7 and 2 pixels below 0\)"),
        (np.array([[0, -1.0]], np.float32), "negative labels"),
        (np.array([[0, 2**63]], np.uint64), "labels up to"),
        (np.array([[0, 1j]], np.complex64), "type complex64"),
    ],
)
def test_what_labels_must_not_be(labels, message):
    with pytest.raises(SeptumError, match=rf"^x\.tif: .*{message}"):
        whole_numbers(labels, Path("x.tif"))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float64"])
def test_whole_numbers_are_labels_in_any_type(dtype):
    labels = whole_numbers(np.array([[0, 1], [1, 0]]).astype(dtype), Path("x"))
    assert labels.dtype == np.uint32
    assert labels.tolist() == [[0, 1], [1, 0]]


def test_large_ids_are_kept_exactly(tmp_path):
    ids = np.array([[0, 2**40 + 1], [2**40, 5]], np.uint64)
    tifffile.imwrite(tmp_path / "a.tif", ids)
    labels, _ = read_labels(tmp_path / "a.tif")
    assert labels.tolist() == ids.tolist()
    assert renumber(labels)[0].tolist() == [[0, 3], [2, 1]]


@settings(deadline=None)
@given(
    labels=hnp.arrays(
        np.uint32, hnp.array_shapes(max_dims=3, max_side=5), elements=st.integers(0, 9)
    ),
    gap=st.sampled_from([1, 7, 2**25]),
)
def test_renumbering_keeps_the_partition(labels, gap):
    sparse = labels * np.uint32(gap)
    new, count = renumber(sparse)
    assert new.dtype == np.uint32
    assert set(np.unique(new)) - {0} == set(range(1, count + 1))
    pairs = set(zip(sparse.ravel().tolist(), new.ravel().tolist(), strict=True))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    assert sorted(pairs) == sorted(pairs, key=lambda pair: pair[1])
    assert all((a == 0) == (b == 0) for a, b in pairs)


def test_panoptic_numbers():
    classes, objects = split_panoptic(np.array([[0, 1000, 2001], [3001, 3, 2999]], np.uint32))
    assert classes.tolist() == [[0, 1, 2], [3, 0, 2]]
    assert objects.tolist() == [[0, 0, 2001], [3001, 3, 2999]]
