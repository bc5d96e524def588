"""Patterns of file and case names."""

from __future__ import annotations

import pytest

from septum.workflow.patterns import compile_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("{case}.tif", "a.tif", "a"),
        ("{case}.tif", "a-tif", None),  # a point is a point
        ("{case}.tif", ".tif", None),
        ("*_{case}.*", "x_a.png", "a"),
        ("{case}_{case}.tif", "a_a.tif", "a"),
        ("{case}_{case}.tif", "a_b.tif", None),
        ("{case}.tif", "a/b.tif", None),
        ("[{case}].tif", "[a].tif", "a"),
    ],
)
def test_a_word_stands_for_any_text(pattern, text, found):
    match = compile_pattern(pattern, "case").fullmatch(text)
    assert (match and match["case"]) == found


def test_a_word_that_is_known_stands_for_itself():
    regex = compile_pattern("{case}_*.tif", "case", "a.b")
    assert regex.fullmatch("a.b_mask.tif")
    assert not regex.fullmatch("axb_mask.tif")


def test_other_words_are_plain_text():
    assert compile_pattern("{group}", "case").fullmatch("{group}")
