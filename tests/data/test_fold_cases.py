"""The stored cases of a fold, and what is said where some are missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_results import make_plan

from septum.data.fold_cases import find_fold_cases, find_validation_cases
from septum.data.store import Case, Geometry, case_path, write_case
from septum.data.store_attributes import IntensityStatistics
from septum.errors import SeptumError
from septum.io.zarr_arrays import write_array

SPLIT = {"test": ["t"], "folds": [["b", "a"], ["c"]], "train": ["d"], "unlabelled": []}
PLAN = make_plan("cells", 2, "instance", None, SPLIT)


def put(folder, name, parent=None):
    image = np.zeros((1, 2, 2), np.uint8)
    case = Case(
        name,
        image,
        None,
        None,
        Geometry((1.0, 1.0)),
        IntensityStatistics({}, [], []),
        parent=parent,
    )
    write_case(case_path(folder, name), case)


@pytest.fixture
def folders(tmp_path):
    """Return the batch folders of cases, copies and weight maps."""
    for name in "abcdt":
        put(tmp_path / "cases", name)
        put(tmp_path / "copies", f"{name}.e01", parent=name)
    for name in [*"abcdt", "a.e01", "b.e01", "c.e01", "d.e01"]:
        path = case_path(tmp_path / "weights", name)
        write_array(path, "weights", np.ones((2, 2)), attributes={"name": name})
    return {kind: [tmp_path / kind] for kind in ("cases", "copies", "weights")}


def test_copies_are_trained_on_where_their_case_is(folders):
    found = find_fold_cases(PLAN, 0, **folders)
    assert found.train == ["c", "c.e01", "d", "d.e01"]
    assert found.validation == ["a", "b"]
    names = [path.name for path in found.files()]
    of_fold = ["c.zarr", "c.e01.zarr", "d.zarr", "d.e01.zarr", "a.zarr", "b.zarr"]
    assert names == of_fold * 2
    without = find_fold_cases(PLAN, 0, **{**folders, "weights": None})
    assert without.weights is None
    assert [path.name for path in without.files()] == of_fold


def test_validation_cases(folders):
    assert [p.name for p in find_validation_cases(PLAN, 0, folders["cases"])] == [
        "a.zarr",
        "b.zarr",
    ]


def test_all_that_is_missing_is_named(folders, tmp_path):
    plan = replace(PLAN, folds=[["a", "x"], ["c", "y"]])
    path = case_path(tmp_path / "weights", "d")
    path.rename(tmp_path / "away")
    with pytest.raises(SeptumError) as caught:
        find_fold_cases(plan, 0, **folders)
    assert [(p.where, p.what.split()[0]) for p in caught.value.problems] == [
        ("y", "is"),
        ("x", "is"),
        ("d", "has"),
    ]
    with pytest.raises(SeptumError, match="x: is in the plan but not among the prepared cases"):
        find_validation_cases(plan, 0, folders["cases"])


def test_nothing_to_train_or_to_validate_on(folders):
    alone = replace(PLAN, folds=[["a"]], train=[])
    with pytest.raises(SeptumError, match="cells, fold 0: has no case to train on"):
        find_fold_cases(alone, 0, **folders)
    empty = replace(PLAN, folds=[[]])
    with pytest.raises(SeptumError, match="cells, fold 0: has no case to validate on"):
        find_validation_cases(empty, 0, folders["cases"])
