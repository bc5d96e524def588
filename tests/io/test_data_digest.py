"""The digest of data: the files count, not their order."""

from __future__ import annotations

from trainings import (
    write_dataset,
)

from septum.data import store
from septum.io.data_digest import data_digest


def test_the_digest_of_the_data_sees_an_edit(tmp_path):
    write_dataset(tmp_path)
    paths = list(store.case_paths([tmp_path / "cases" / "b0"]).values())
    first = data_digest(paths)
    assert data_digest(reversed(paths)) == first
    case = store.read_case(paths[0])
    case.semantic[0, 0] = 1
    store.write_case(paths[0], case)
    assert data_digest(paths) != first
