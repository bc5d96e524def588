"""The files of a case, and its name in paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from septum.data.case_files import CaseFiles, distinct_name, safe_name


def test_label_files_are_the_first_and_its_parts():
    assert CaseFiles("a", ("a.tif",)).label_files == ()
    assert CaseFiles("a", ("a.tif",), "a.png", ("all.json",)).label_files == ("a.png", "all.json")


@given(st.text(min_size=1), st.text(min_size=1))
def test_safe_names_are_safe_and_distinct(one, two):
    safe = safe_name(one)
    assert safe
    assert set(safe) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert safe[0] not in "._-"
    assert (safe == safe_name(two)) == (one == two)


@given(st.text(min_size=1), st.text(min_size=1))
def test_distinct_names_stay_so_where_capitals_count_for_nothing(one, two):
    folded = {distinct_name(name).lower() for name in (one, one.upper(), two)}
    assert len(folded) == len({one, one.upper(), two})


@pytest.mark.parametrize("name", ["a", "slide_07", "x.y-z", "0" * 64])
def test_plain_names_stay(name):
    assert safe_name(name) == name
