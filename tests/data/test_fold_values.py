"""One set of parameters for several folds: medians, or that of one fold."""

from __future__ import annotations

from septum.data.fold_values import common_parameters, representative_fold


def test_an_odd_fold_does_not_move_the_median_and_counts_are_whole():
    folds = [
        {"threshold": 0.4, "min_size": 9},
        {"threshold": 0.45, "min_size": 10},
        {"threshold": 0.9, "min_size": 500},
    ]
    assert common_parameters(folds) == {"threshold": 0.45, "min_size": 10}
    # 9.5 and 10.5: to the even number, as `round` has it
    pairs = [common_parameters([{"n": 9}, {"n": n}])["n"] for n in (10, 12)]
    assert (pairs, [type(n) for n in pairs]) == ([10, 10], [int, int])
    assert common_parameters([{}, {}]) == {}
    assert common_parameters(folds[:1]) == folds[0]


def test_one_fold_stands_for_all_and_of_equals_the_better_one():
    a, b, c = {"k": 1, "dark": True}, {"k": 2, "dark": True}, {"k": 2, "dark": False}
    # b shares 2 + 1 + 1 values with all three, a 2 + 1, c 2 + 1
    assert representative_fold([a, b, c], [0.9, 0.1, 0.9]) == 1
    assert representative_fold([a, c], [0.5, 0.6]) == 1
    assert representative_fold([a, c], [None, None]) == 0
