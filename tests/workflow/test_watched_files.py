"""Which files of a batch Snakemake watches, and a digest of the others."""

from __future__ import annotations

import os

import pytest

from septum.data.case_files import CaseFiles
from septum.workflow.watched_files import input_paths, is_watched, unwatched_digest


def test_a_pattern_of_masks_stands_for_its_folder():
    cases = [
        CaseFiles("a", ("a_0.tif", "a_1.tif"), "masks/a/*.png"),
        CaseFiles("b", ("b.tif",), "b.png", ("all.json",)),
        CaseFiles("c", ("c.tif",), "c.png", ("all.json",)),
    ]
    assert input_paths(cases) == [
        *("a_0.tif", "a_1.tif", "masks/a", "b.tif", "b.png", "all.json", "c.tif", "c.png")
    ]


@pytest.mark.parametrize("path", ["a<b.tif", "a>b.tif", "{case}/a.tif", "a}.tif"])
def test_what_snakemake_takes_for_its_own_is_not_watched(path):
    assert not is_watched(path)
    assert is_watched(path.translate({ord(letter): "-" for letter in "<>{}"}))


def touch(path, time):
    os.utime(path, ns=(time, time))


def test_a_file_in_a_folder_counts_by_size_and_time(tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    (masks / "0.png").write_bytes(b"x")
    (tmp_path / "a.tif").write_bytes(b"x")
    touch(masks / "0.png", 1)
    cases = [CaseFiles("a", (f"{tmp_path}/a.tif",), f"{masks}/*.png")]
    before = unwatched_digest(cases)
    touch(tmp_path / "a.tif", 5)  # Snakemake sees that by itself
    assert unwatched_digest(cases) == before
    touch(masks / "0.png", 2)
    after = unwatched_digest(cases)
    assert after != before
    (masks / "1.png").write_bytes(b"x")
    assert unwatched_digest(cases) not in (before, after)


def test_a_file_that_snakemake_does_not_watch_counts(tmp_path):
    path = tmp_path / "a<b>.tif"
    path.write_bytes(b"x")
    cases = [CaseFiles("a", (str(path),))]
    touch(path, 1)
    before = unwatched_digest(cases)
    assert unwatched_digest(cases) == before
    touch(path, 2)
    assert unwatched_digest(cases) != before
