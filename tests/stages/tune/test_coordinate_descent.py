"""Coordinate descent: what is tried, which of equals wins, and where it ends."""

from __future__ import annotations

import pytest

from septum.stages.tune.coordinate_descent import descend, mean_score


def test_one_parameter_after_the_other_until_none_changes():
    # along x alone 2 is best; once y is 1, x of 3 is better, which takes a second round
    scores = {(2, 0): 1.0, (2, 1): 2.0, (3, 1): 3.0}

    def score(parameters):
        return scores.get((parameters["x"], parameters["y"]), 0.0)

    grid = {"x": (1, 2, 3), "y": (0, 1)}
    assert descend({"x": 1, "y": 0}, grid, score) == {"x": 3, "y": 1}


def test_of_equal_scores_the_present_value_wins_and_then_the_first():
    assert descend({"x": 5}, {"x": (1, 2, 5)}, lambda _: 0.0) == {"x": 5}
    better = descend({"x": 5}, {"x": (2, 1)}, lambda parameters: float(parameters["x"] < 5))
    assert better == {"x": 2}


def test_what_has_no_grid_stays():
    start = {"x": 1, "method": "watershed"}
    assert descend(start, {"x": (0, 1, 2)}, lambda parameters: parameters["x"]) == {
        "x": 2,
        "method": "watershed",
    }


@pytest.mark.parametrize(
    ("scores", "mean"),
    [([0.25, 0.75], 0.5), ([0.5, float("nan")], 0.5), ([float("nan")], -1.0), ([], -1.0)],
)
def test_undefined_scores_are_left_out_of_the_mean(scores, mean):
    assert mean_score(scores) == mean


def test_sums_in_another_order_are_equal():
    scores = [0.1, 0.2, 0.3, 0.7, 0.6]
    assert mean_score(scores) == mean_score(scores[::-1])
