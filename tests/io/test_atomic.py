"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from septum.errors import SeptumError
from septum.io.atomic import atomic_path, read_json, require_writable, write_json, write_text


def test_failure_leaves_the_old_file(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(TypeError), atomic_path(tmp_path / "a.txt") as path:
        path.write_bytes("no bytes")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_suffixes_are_kept(tmp_path):
    for name in ("a.nii.gz", "case.e01.zarr", "x" * 240 + ".tif"):
        with atomic_path(tmp_path / name) as path:
            assert path.parent == tmp_path
            assert path.name.endswith("".join(Path(name).suffixes))
            assert not path.exists()
            path.write_bytes(b"1")
        assert (tmp_path / name).read_bytes() == b"1"


def test_folder_replaces_folder(tmp_path):
    for content in ("old", "new"):
        with atomic_path(tmp_path / "d" / "e") as path:
            path.mkdir()
            (path / content).write_text(content)
    assert os.listdir(tmp_path / "d") == ["e"]
    assert os.listdir(tmp_path / "d" / "e") == ["new"]


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    for final in (tmp_path / "file" / "a.txt", "/proc/nowhere/a.txt", "/proc/a.txt"):
        with pytest.raises(SeptumError) as caught:
            write_text(final, "x")
        (problem,) = caught.value.problems
        assert problem.where == str(final)
        assert "cannot be written" in problem.what


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    message = rf"cannot be written \({tmp_path}/file is a file, not a folder\)"
    for deeper in ("a.txt", "folder/a.txt"):
        with pytest.raises(SeptumError, match=message):
            write_text(tmp_path / "file" / deeper, "x")


def test_a_file_in_the_way_of_a_relative_path_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    with pytest.raises(SeptumError, match=r"file: cannot be written \(Not a directory\)"):
        require_writable(Path("file"))


def test_a_name_that_is_too_long(tmp_path):
    for final in (tmp_path / ("x" * 300), tmp_path / ("x" * 300) / "a.txt"):
        with pytest.raises(SeptumError, match="File name too long"):
            write_text(final, "x")
    assert os.listdir(tmp_path) == []


def test_whether_a_folder_can_be_written_is_found_out_without_a_trace(tmp_path):
    (tmp_path / "file").touch()
    for good in (tmp_path, tmp_path / "new" / "folder"):
        require_writable(good)
    for bad in (tmp_path / "file", tmp_path / "file" / "x", tmp_path / ("x" * 300), "/proc/x"):
        with pytest.raises(SeptumError) as caught:
            require_writable(bad)
        assert caught.value.problems[0].where == str(bad)
        assert "cannot be written" in caught.value.problems[0].what
    assert os.listdir(tmp_path) == ["file"]


def test_what_is_read_in_vain_inside_is_not_called_unwritable(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a.txt"):
        (tmp_path / "input.tif").read_bytes()


def test_json_round_trip(tmp_path):
    value = {"größe": np.float32(0.5), "n": np.int64(3), "a": np.arange(3)}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == {"größe": 0.5, "n": 3, "a": [0, 1, 2]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "b.json", float("nan"))
    (tmp_path / "c.json").write_text('{"a":')
    for name in ("b.json", "c.json"):
        with pytest.raises(SeptumError, match=name):
            read_json(tmp_path / name)


def test_a_writer_at_work_is_not_disturbed(tmp_path):
    with atomic_path(tmp_path / "a.txt") as path:
        path.write_text("first")
        write_text(tmp_path / "a.txt", "second")
        assert path.exists()
    assert (tmp_path / "a.txt").read_text() == "first"
