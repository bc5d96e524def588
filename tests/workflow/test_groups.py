"""Groups of cases."""

from __future__ import annotations

import pytest

from septum.errors import SeptumError
from septum.workflow.groups import find_groups


def test_every_case_is_a_group_of_its_own():
    assert find_groups(["a", "b"], None, None, "d") == {"a": "a", "b": "b"}


def test_groups_by_pattern():
    names = ["p1_s1", "p1_s2", "p2_s1"]
    assert find_groups(names, "{group}_s*", None, "d") == {
        "p1_s1": "p1",
        "p1_s2": "p1",
        "p2_s1": "p2",
    }


@pytest.mark.parametrize("column", ["case", "id", "name"])
def test_groups_by_column(tmp_path, column):
    table = tmp_path / "t.csv"
    table.write_text(f"\ufeff{column},patient\na,7\nb,7\nc,8\n", encoding="utf-8")
    assert find_groups(["a", "b"], "patient", table, "d") == {"a": "7", "b": "7"}


@pytest.mark.parametrize(
    ("group", "table", "says"),
    [
        ("{group}-s*", None, r"the pattern '\{group\}-s\*' does not fit the case 'a' \(2 in all\)"),
        ("patient", None, "there is no table"),
        ("patient", "none.csv", "none.csv: cannot be read"),
        ("pateint", "t.csv", "needs the columns 'case' .* and 'pateint'"),
        ("patient", "t.csv", r"no row for the case 'b' \(1 in all\)"),
    ],
)
def test_bad_groups(tmp_path, group, table, says):
    (tmp_path / "t.csv").write_text("case,patient\na,7\n")
    with pytest.raises(SeptumError, match=says):
        find_groups(["a", "b"], group, table and tmp_path / table, "d")
