"""Which files a case has, as the workflow gives them to `septum prepare`."""

from __future__ import annotations

import json

import pytest

from septum.data.case_files import CaseFiles
from septum.errors import SeptumError
from septum.stages.prepare.command import parse_cases


def test_images_labels_and_further_files():
    given = {"a": [["a.tif"], None], "b": [["b1.tif", "b2.tif"], "b.json", "1.png", "2.png"]}
    assert parse_cases(json.dumps(given)) == [
        CaseFiles("a", ("a.tif",), None, ()),
        CaseFiles("b", ("b1.tif", "b2.tif"), "b.json", ("1.png", "2.png")),
    ]


@pytest.mark.parametrize(
    "files", ["a.tif", [], [["a.tif"]], ["a.tif", None], [[1], None], [["a.tif"], None, 1]]
)
def test_what_is_no_list_of_files(files):
    with pytest.raises(SeptumError, match="--cases: does not say which files 'x' has") as refused:
        parse_cases(json.dumps({"ok": [["a.tif"], None], "x": files}))
    assert 'give each case as "name": [["image", ...], "label" or null, ...]' in str(refused.value)
