"""Arrays on disk: how they are cut, and what is kept beside them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from septum.errors import SeptumError
from septum.io.zarr_arrays import create_array, open_array, read_attributes, write_array


@pytest.mark.parametrize(
    ("shape", "axes", "chunks", "shards"),
    [
        ((1, 256, 256), "cyx", (1, 256, 256), None),
        ((1, 1040, 1388), "cyx", (1, 512, 512), (1, 1536, 1536)),
        ((3, 1040, 1388), "cyx", (3, 256, 256), (3, 1280, 1536)),
        ((20480, 20480), "yx", (512, 512), (8192, 8192)),
        ((200, 300, 30), "zyx", (64, 64, 30), (256, 320, 30)),
    ],
)
def test_chunks_hold_about_a_quarter_of_a_million_values(tmp_path, shape, axes, chunks, shards):
    array = create_array(tmp_path, "a", shape, np.uint8, axes=list(axes))
    assert array.chunks == chunks
    assert array.shards == shards


def test_array_round_trip(tmp_path):
    weights = np.random.default_rng(0).random((30, 40), np.float32)
    path = tmp_path / "w.zarr"
    write_array(path, "weights", weights, attributes={"name": "cell 1"})
    np.testing.assert_array_equal(open_array(path, "weights")[...], weights)
    assert read_attributes(path)["name"] == "cell 1"


def rewrite(path, **own):
    """Put other values beside a stored array; None takes one away."""
    file = path / "zarr.json"
    document = json.loads(file.read_text())
    attributes = document["attributes"]["septum"] | own
    kept = {name: value for name, value in attributes.items() if value is not None}
    file.write_text(json.dumps({**document, "attributes": {"septum": kept}}))


def test_a_store_says_its_format(tmp_path):
    path = tmp_path / "w.zarr"
    write_array(path, "weights", np.ones((2, 3)))
    assert read_attributes(path, "array") == {"kind": "array", "format_version": 1}


def test_a_store_without_a_format_is_read(tmp_path):
    path = tmp_path / "w.zarr"
    write_array(path, "weights", np.ones((2, 3)), attributes={"name": "a"})
    rewrite(path, format_version=None)
    assert read_attributes(path, "array") == {"kind": "array", "name": "a"}


def test_a_newer_format_is_named_with_what_to_do(tmp_path):
    path = tmp_path / "w.zarr"
    write_array(path, "weights", np.ones((2, 3)))
    rewrite(path, format_version=2)
    with pytest.raises(SeptumError) as caught:
        read_attributes(path)
    (problem,) = caught.value.problems
    assert problem.where == str(path)
    assert problem.what == "has format 2, but this Septum reads formats up to 1"
    assert problem.remedy.startswith("update Septum")


@pytest.mark.parametrize("version", ["2", "one", [1], {}])
def test_a_format_that_is_no_number_is_damage(tmp_path, version):
    path = tmp_path / "w.zarr"
    write_array(path, "weights", np.ones((2, 3)))
    rewrite(path, format_version=version)
    with pytest.raises(SeptumError, match=r"w\.zarr: is no case of Septum, or damaged \("):
        read_attributes(path)


def test_what_is_not_there_or_damaged(tmp_path):
    with pytest.raises(SeptumError, match=r"a\.zarr: is not there"):
        read_attributes(tmp_path / "a.zarr")
    write_array(tmp_path / "w.zarr", "weights", np.ones((2, 3)))
    with pytest.raises(SeptumError, match="holds a array, where a case is wanted"):
        read_attributes(tmp_path / "w.zarr", "case")
    with pytest.raises(SeptumError, match=r"has no array 'other'"):
        open_array(tmp_path / "w.zarr", "other")
    (tmp_path / "w.zarr" / "zarr.json").write_text('{"attributes": {}}')
    with pytest.raises(SeptumError, match="is no case of Septum, or damaged"):
        read_attributes(tmp_path / "w.zarr")
