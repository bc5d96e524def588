"""All scores of one case, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scored import TISSUE, nuclei, panoptic, score

from septum.config.schema import ClassSpec
from septum.errors import SeptumError


def test_instances_by_hand():
    case = score(*nuclei(), surface_distance=False).case
    assert (case["n_true"], case["n_pred"]) == (4, 4)
    # IoUs 1, 3/4 and 1/2: the last is not above 0.5
    assert (case["tp"], case["fp"], case["fn"]) == (2, 2, 2)
    assert case["ap50"] == case["ap70"] == 2 / 6
    assert case["ap75"] == case["ap95"] == 1 / 7
    assert case["ap"] == pytest.approx((5 * 2 / 6 + 5 * 1 / 7) / 10)
    assert case["pq"] == 1.75 / 4
    assert (case["sq"], case["rq"]) == (1.75 / 2, 2 / 4)
    # SEG: exactly half of the third nucleus is covered, which is not more than half
    assert case["seg"] == (1 + 3 / 4 + 0 + 0) / 4
    assert (case["missed"], case["spurious"], case["split"], case["merged"]) == (2, 2, 0, 0)
    # foreground: 9 of 16 true pixels found and one false; background: 31 of 48 - 9
    assert case["iou"] == 9 / 17
    assert case["dice"] == 18 / 26
    assert case["pixel_accuracy"] == 40 / 48
    assert case["mean_accuracy"] == pytest.approx((31 / 32 + 9 / 16) / 2)
    assert case["mean_iou"] == pytest.approx((31 / 39 + 9 / 17) / 2)
    assert case["fw_iou"] == pytest.approx((32 * 31 / 39 + 16 * 9 / 17) / 48)


def test_the_convention_rules_ap_and_counts_but_not_pq():
    strict = score(*nuclei()).case
    for convention in ("stardist", "cellpose"):
        loose = score(*nuclei(), convention=convention).case
        # IoU 1/2 counts at 0.5, and IoU 3/4 at 0.75
        assert (loose["tp"], loose["fp"], loose["fn"]) == (3, 1, 1)
        assert loose["ap50"] == 3 / 5
        assert loose["ap75"] == 2 / 6
        assert loose["pq"] == strict["pq"]


def test_class_row_by_hand():
    (row,) = score(*nuclei(), surface_distance=False).classes
    assert row == {
        **{"class": 1, "class_name": "nucleus", "kind": "thing"},
        **{"iou": 9 / 17, "dice": 18 / 26, "accuracy": 9 / 16},
        **{"intersection": 9, "union": 17, "true_pixels": 16, "pred_pixels": 10},
        **{"pq": 1.75 / 4, "sq": 1.75 / 2, "rq": 0.5},
        **{"tp": 2, "fp": 2, "fn": 2, "iou_sum": 1.75},
    }


def test_distances_are_in_units_of_the_spacing():
    true, pred = np.zeros((2, 5, 5), int)
    true[1, 1], pred[3, 1] = 1, 1
    case = score(true, pred, spacing=(2.5, 1.0)).case
    assert case["hd95"] == case["assd"] == 5.0
    assert np.isnan(score(true, pred, surface_distance=False).case["hd95"])


def test_missing_a_class_or_making_one_up_makes_no_case_better():
    """Class 1 lies 3 pixels off, class 2 lies 5 off, class 3 is nowhere."""
    classes = {i: ClassSpec(name=str(i)) for i in (1, 2, 3)}
    true, pred = np.zeros((2, 4, 9), int)
    true[0, 0], pred[0, 3] = 1, 1
    without = score((true, None), (pred, None), classes=classes).case
    assert without["hd95"] == without["assd"] == 3.0
    true[2, 0], pred[2, 5] = 2, 2
    both = score((true, None), (pred, None), classes=classes).case
    assert both["hd95"] == both["assd"] == (3 + 5) / 2
    lost = np.where(pred == 2, 0, pred), np.where(true == 2, 0, true)
    for pair in ((true, lost[0]), (lost[1], pred)):
        scores = score(*((m, None) for m in pair), classes=classes)
        assert [row["hd95"] for row in scores.classes[:2]] == [3.0, float("inf")]
        assert np.isnan(scores.classes[2]["hd95"])
        assert scores.case["hd95"] == scores.case["assd"] == float("inf")


def test_nothing_in_truth_and_prediction_is_undefined():
    empty = np.zeros((4, 4), int)
    case = score(empty, empty).case
    for column in ("iou", "dice", "pq", "sq", "rq", "ap", "ap50", "seg", "hd95", "assd"):
        assert np.isnan(case[column]), column
    assert (case["n_true"], case["n_pred"], case["pixel_accuracy"]) == (0, 0, 1.0)
    assert score(empty, empty, convention="stardist").case["ap50"] == 0


def test_one_side_empty_is_zero():
    empty, full = np.zeros((4, 4), int), np.eye(4, dtype=int)
    for pair in ((empty, full), (full, empty)):
        case = score(*pair).case
        assert case["iou"] == case["dice"] == case["pq"] == case["ap"] == case["ap50"] == 0


def test_panoptic_objects_match_within_their_class():
    scores = score(*panoptic(), classes=TISSUE)
    case = scores.case
    assert (case["n_true"], case["n_pred"]) == (3, 3)
    assert (case["tp"], case["fp"], case["fn"]) == (2, 1, 1)
    assert (case["missed"], case["spurious"]) == (1, 1)
    assert case["pq"] == pytest.approx((1 + 2 / 2.5 + 0) / 3)
    assert case["iou"] == pytest.approx((1 + 16 / 28 + 0) / 3)
    grass, person, dog = scores.classes
    assert (grass["kind"], grass["tp"], grass["iou_sum"]) == ("stuff", 1, 1.0)
    assert (person["kind"], person["tp"], person["fp"], person["fn"]) == ("thing", 2, 1, 0)
    assert (dog["tp"], dog["fp"], dog["fn"], dog["pq"]) == (0, 0, 1, 0.0)
    assert dog["hd95"] == float("inf")


def test_semantic_annotation_has_no_object_scores():
    true = np.array([[1, 1, 0], [2, 2, 0]]), None
    pred = np.array([[1, 0, 0], [2, 2, 0]]), None
    scores = score(true, pred, classes={1: ClassSpec(name="a"), 2: ClassSpec(name="b")})
    assert not {"ap", "ap50", "seg", "n_true", "tp", "split"} & scores.case.keys()
    assert scores.case["iou"] == (1 / 2 + 1) / 2
    # each class is one segment; IoU 1/2 is no match
    assert [row["kind"] for row in scores.classes] == ["stuff", "stuff"]
    assert [(row["tp"], row["fp"], row["fn"]) for row in scores.classes] == [(0, 1, 1), (1, 0, 0)]


def test_undeclared_class():
    with pytest.raises(SeptumError, match=r"undeclared classes \[4\]"):
        score((np.array([[1, 4]]), None), (np.array([[1, 1]]), None))


def test_a_class_taken_for_another_is_counted_by_its_class():
    """Of 60 pixels: 32 of grass, 16 of persons, and 12 of a dog that is taken for a person."""
    confusion = score(*panoptic(), classes=TISSUE).confusion
    assert confusion.classes.tolist() == [0, 1, 2, 3]
    assert confusion.counts.tolist() == [[0, 0, 0, 0], [0, 32, 0, 0], [0, 0, 16, 0], [0, 0, 12, 0]]
