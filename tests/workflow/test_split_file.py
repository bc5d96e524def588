"""Splits that a lab brings along."""

from __future__ import annotations

import json

import pytest

from septum.config.schema import Split
from septum.errors import SeptumError
from septum.workflow.split_file import PredefinedSplit, fold_count, read_split_file, split_by_name


def write_json(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_json_with_validation_cases(tmp_path):
    path = write_json(tmp_path / "s.json", {"test": ["a"], "val": ["b"], "train": ["c", "d"]})
    assert read_split_file(path) == PredefinedSplit(str(path), ("a",), ("c", "d"), (("b",),))


def test_json_with_folds_under_split(tmp_path):
    content = {"what": "x", "split": {"test": ["t"], "folds": [["b"], ["a"]]}}
    path = write_json(tmp_path / "s.json", content)
    given = read_split_file(path)
    assert given == PredefinedSplit(str(path), ("t",), (), (("b",), ("a",)))
    assert dict(given.parts()) == {"test": ("t",), "train": (), "fold 0": ("b",), "fold 1": ("a",)}


def test_csv_with_groups_as_spreadsheets_save_it(tmp_path):
    path = tmp_path / "s.csv"
    lines = "\ufeffid,split,group\na,test,\nb,val,p\nc,train,p\n"
    path.write_text(lines, encoding="utf-8")
    given = read_split_file(path)
    assert (given.test, given.folds, given.train) == (("a",), (("b",),), ("c",))
    assert given.groups == {"b": "p", "c": "p"}
    assert not given.is_for_one_dataset


def test_folds_are_those_of_the_file_or_of_the_settings(tmp_path):
    settings = Split(folds=5)
    assert fold_count(settings, None) == 5
    given = {"test": ["a"], "train": ["b", "c"]}
    path = tmp_path / "s.json"
    assert fold_count(settings, write_json(path, given)) == 5
    assert fold_count(settings, write_json(path, {**given, "val": ["d"]})) == 1
    assert fold_count(settings, write_json(path, {**given, "folds": [["d"], ["e"]]})) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"test": ["a"], "folds": [["b", "a"], ["c"]]}, r"'a' is in test and in fold 0"),
        ({"test": ["a"], "val": ["b"], "train": ["c", "c"]}, r"'c' is listed 2 times under train"),
        ({"test": ["a", "b", "c"], "val": []}, r"val is empty"),
        ({"tset": ["a"], "val": ["b"], "train": ["c"]}, r"did you mean 'test'"),
        ({"val": ["a"], "folds": [["b"], ["c"]]}, r"both val and folds"),
        ({"test": "a", "val": ["b"], "train": ["c"]}, r"test is no list of case names"),
        ({"test": ["a"], "folds": [["b", "c"]]}, r"folds holds a single fold"),
        ({"test": ["a"], "folds": ["b", "c"]}, r"folds is no list of lists"),
        ({"cases": ["a"]}, r"has no split in it"),
        (["a", "b"], r"has no split in it"),
        ('{"test": [', r"is not valid JSON"),
    ],
)
def test_bad_json(tmp_path, content, message):
    path = tmp_path / "s.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    with pytest.raises(SeptumError, match=message) as error:
        read_split_file(path)
    assert all(p.where == str(path) and p.remedy for p in error.value.problems)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("case,part\na,test\n", r"needs the columns case \(or id\) and split; it has \['case', 'p"),
        ("", r"needs the columns"),
        ("case,split\na,test\nb,validation\nc,train\n", r"line 3: split is 'validation'"),
        ("case,split\na,test\na,train\nb,val\nc,train\n", r"'a' is in test and in train"),
    ],
)
def test_bad_csv(tmp_path, content, message):
    path = tmp_path / "s.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SeptumError, match=message):
        read_split_file(path)


@pytest.mark.parametrize("name", ["missing.json", "split.txt"])
def test_file_that_is_no_split_file(tmp_path, name):
    with pytest.raises(SeptumError, match=name):
        read_split_file(tmp_path / name)


def test_a_test_set_by_name_leaves_the_rest_to_folds():
    names = [f"m{mouse}_{i}" for mouse in range(4) for i in range(3)]
    found = split_by_name(["m3_*", "m0_1"], names, "datasets.d.split.test")
    assert found.test == ("m0_1", "m3_0", "m3_1", "m3_2")
    assert sorted(found.test + found.train) == names
    assert found.folds == ()


def test_a_name_that_fits_no_case_is_an_error():
    with pytest.raises(SeptumError, match=r"datasets\.d\.split\.test: 'm9_\*' fits no annotated"):
        split_by_name(["a", "m9_*"], ["a", "b"], "datasets.d.split.test")
