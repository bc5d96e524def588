"""The file that says which cases a batch has."""

from __future__ import annotations

import json

import pytest

from septum.data.case_files import CaseFiles
from septum.errors import SeptumError
from septum.workflow.batch_list import batch_list_text, read_batch_list

CASES = [
    CaseFiles("a", ("a_0.tif", "a_1.tif"), "a.png", ("all.json",)),
    CaseFiles("ä <b>", ("b.tif",)),
]


def test_what_is_in_it(tmp_path):
    assert json.loads(batch_list_text(CASES)) == {
        "version": 1,
        "cases": {
            "a": {"images": ["a_0.tif", "a_1.tif"], "labels": "a.png", "parts": ["all.json"]},
            "ä <b>": {"images": ["b.tif"], "labels": None, "parts": []},
        },
    }


def test_it_reads_back_whatever_the_number_of_cases(tmp_path):
    many = [CaseFiles(f"case {i:04d}", (f"/{'long' * 40}/{i:04d}.tif",)) for i in range(1000)]
    for cases in (CASES, many):
        path = tmp_path / "1of1.json"
        path.write_text(batch_list_text(cases), encoding="utf-8")
        assert read_batch_list(path) == cases
    assert path.stat().st_size > 128 * 2**10, "more than Linux takes in one argument"


@pytest.mark.parametrize(
    ("content", "where", "what"),
    [
        ("{", "", "is not valid JSON"),
        ('{"version": 2, "cases": {}}', ".version", "cannot be 2"),
        ('{"cases": {"a": {"images": []}}}', ".cases.a.images", "cannot be []"),
        ('{"cases": {"a": {}}}', ".cases.a.images", "is missing"),
        ('{"cases": {}, "case": {}}', ".case", "is not a known key"),
        (None, "", "cannot be read"),
    ],
)
def test_a_bad_file_is_named(tmp_path, content, where, what):
    path = tmp_path / "1of1.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SeptumError) as error:
        read_batch_list(path)
    (found,) = error.value.problems
    assert found.where == f"{path}{where}"
    assert what in found.what
    assert "run snakemake without --no-hooks" in found.remedy
