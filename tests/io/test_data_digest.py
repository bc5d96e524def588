"""The digest of stored cases changes with what is stored, and with nothing else."""

from __future__ import annotations

import os
import re

import pytest
from trainings import write_dataset

from septum.data.store import case_paths, read_case, write_case
from septum.io.data_digest import data_digest


@pytest.fixture
def stores(tmp_path):
    for name in ("a.zarr", "b.zarr"):
        (tmp_path / name / "0").mkdir(parents=True)
        (tmp_path / name / "zarr.json").write_text("{}")
        (tmp_path / name / "0" / "c").write_bytes(name.encode() * 10)
    return [tmp_path / "a.zarr", tmp_path / "b.zarr"]


def test_order_and_times_do_not_matter(stores):
    digest = data_digest(stores)
    assert re.fullmatch("[0-9a-f]{16}", digest)
    os.utime(stores[0] / "zarr.json", (0, 0))
    assert data_digest(reversed(stores)) == digest


def test_content_names_and_number_do(stores):
    digests = {data_digest(stores), data_digest(stores[:1])}
    chunk = stores[1] / "0" / "c"
    chunk.write_bytes(chunk.read_bytes()[::-1])
    digests.add(data_digest(stores))
    chunk.rename(chunk.with_name("d"))
    digests.add(data_digest(stores))
    moved = stores[1].rename(stores[1].with_name("c.zarr"))
    digests.add(data_digest([stores[0], moved]))
    assert len(digests) == 5


def test_of_a_large_file_both_ends_count(stores, monkeypatch):
    monkeypatch.setattr("septum.io.data_digest.MAX_BYTES_READ_WHOLE", 64)
    monkeypatch.setattr("septum.io.data_digest.BYTES_OF_AN_END", 16)
    chunk, digests = stores[0] / "0" / "c", set()
    for place in (0, 15, 99, 84, 50):
        content = bytearray(100)
        content[place] = 1
        chunk.write_bytes(content)
        digests.add(data_digest(stores))
    chunk.write_bytes(bytes(100))
    digests.add(data_digest(stores))
    # four places at the ends, and the middle that is not read
    assert len(digests) == 5


def test_the_digest_of_cases_sees_an_edit(tmp_path):
    write_dataset(tmp_path)
    paths = list(case_paths([tmp_path / "cases" / "b0"]).values())
    first = data_digest(paths)
    case = read_case(paths[0])
    case.semantic[0, 0] = 1
    write_case(paths[0], case)
    assert data_digest(paths) != first
