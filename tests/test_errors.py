"""Problems and how they are collected."""

from __future__ import annotations

import pytest

from septum.errors import Problem, Problems, SeptumError, nearest, problem

CUT = Problem("a.tif", "is cut short", "copy it again")
LOST = Problem("b.tif", "does not exist", "check the path")


def test_an_error_shows_every_problem_with_its_remedy():
    error = SeptumError([CUT, LOST])
    assert error.problems == (CUT, LOST)
    assert str(error) == (
        "a.tif: is cut short\n    -> copy it again\nb.tif: does not exist\n    -> check the path"
    )
    assert SeptumError(CUT).problems == (CUT,)
    assert problem("a.tif", "is cut short", "copy it again").problems == (CUT,)


def test_nothing_collected_is_nothing_raised():
    problems = Problems()
    problems.raise_if_any()
    assert not problems
    assert list(problems) == []


def test_what_is_collected_is_raised_once_and_in_order():
    problems = Problems([LOST])
    problems.add("a.tif", "is cut short", "copy it again")
    problems.extend([LOST, CUT])
    assert len(problems) == 2
    with pytest.raises(SeptumError) as caught:
        problems.raise_if_any()
    assert caught.value.problems == (LOST, CUT)


def test_errors_are_caught_and_others_are_not():
    problems = Problems()
    with problems.caught():
        raise SeptumError([CUT, LOST])
    assert list(problems) == [CUT, LOST]
    with pytest.raises(ValueError, match="bug"), problems.caught():
        raise ValueError("bug")


@pytest.mark.parametrize(
    ("word", "says"),
    [("trian", "did you mean 'train'?"), ("xyz", "choose one of: predict, train")],
)
def test_nearest(word, says):
    assert nearest(word, ["train", "predict"]) == says
