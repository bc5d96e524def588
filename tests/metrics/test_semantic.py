import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from septum.metrics.semantic import Confusion

CLASS_MAPS = hnp.array_shapes(min_dims=1, max_dims=3, max_side=5).flatmap(
    lambda shape: st.tuples(
        *[hnp.arrays(np.uint16, shape, elements=st.sampled_from([0, 1, 5, 117]))] * 2
    )
)


def test_two_classes_by_hand():
    true = np.array([[0, 0, 1, 1], [0, 0, 1, 1]])
    pred = np.array([[0, 1, 1, 1], [0, 0, 0, 1]])
    confusion = Confusion.from_labels(true, pred)
    assert confusion.counts.tolist() == [[3, 1], [1, 3]]
    assert confusion.iou.tolist() == [3 / 5, 3 / 5]
    assert confusion.dice.tolist() == [6 / 8, 6 / 8]
    assert confusion.accuracy.tolist() == [3 / 4, 3 / 4]
    assert confusion.pixel_accuracy == 6 / 8
    assert confusion.mean_iou == 3 / 5


def test_unequal_classes_by_hand():
    # 6 pixels of class 0, 2 of class 1, none of 2; one of class 1 goes to class 2
    true, pred = np.array([0, 0, 0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 0, 0, 1, 1, 2])
    confusion = Confusion.from_labels(true, pred)
    assert confusion.counts.tolist() == [[5, 1, 0], [0, 1, 1], [0, 0, 0]]
    np.testing.assert_allclose(confusion.iou, [5 / 6, 1 / 3, 0])
    np.testing.assert_allclose(confusion.accuracy, [5 / 6, 1 / 2, np.nan])
    assert confusion.pixel_accuracy == 6 / 8
    assert confusion.mean_accuracy == pytest.approx((5 / 6 + 1 / 2) / 2)
    assert confusion.mean_iou == pytest.approx((5 / 6 + 1 / 3 + 0) / 3)
    assert confusion.frequency_weighted_iou == pytest.approx((6 * 5 / 6 + 2 * 1 / 3) / 8)


def test_a_class_in_neither_map_is_nan_and_in_no_mean():
    confusion = Confusion.from_labels(np.zeros(4, int), np.zeros(4, int), classes=[0, 3])
    assert confusion.classes.tolist() == [0, 3]
    np.testing.assert_equal(confusion.iou, [1, np.nan])
    np.testing.assert_equal(confusion.dice, [1, np.nan])
    assert confusion.mean_iou == confusion.mean_accuracy == confusion.frequency_weighted_iou == 1


def test_no_pixels_at_all():
    confusion = Confusion.from_labels(np.zeros((0, 3), int), np.zeros((0, 3), int))
    assert np.isnan([confusion.pixel_accuracy, confusion.mean_iou, confusion.mean_accuracy]).all()
    assert np.isnan(confusion.frequency_weighted_iou)


def test_void_is_left_out():
    true, pred = np.array([1, 1, 0]), np.array([1, 0, 0])
    assert Confusion.from_labels(true, pred, void=np.array([0, 1, 0], bool)).mean_iou == 1


@given(CLASS_MAPS)
def test_scores_are_those_of_masks(maps):
    true, pred = maps
    confusion = Confusion.from_labels(true, pred)
    ious, weights = [], []
    for i, class_id in enumerate(confusion.classes):
        t, p = true == class_id, pred == class_id
        ious.append((t & p).sum() / (t | p).sum())
        weights.append(t.sum())
        assert confusion.iou[i] == ious[-1]
        assert confusion.dice[i] == 2 * (t & p).sum() / (t.sum() + p.sum())
        assert confusion.dice[i] == pytest.approx(2 * ious[-1] / (1 + ious[-1]))
    assert confusion.pixel_accuracy == (true == pred).mean()
    assert confusion.mean_iou == pytest.approx(np.mean(ious))
    assert confusion.frequency_weighted_iou == pytest.approx(np.average(ious, weights=weights))


@given(CLASS_MAPS, CLASS_MAPS)
def test_matrices_add_up_to_that_of_the_joined_maps(first, second):
    joined = Confusion.from_labels(
        *[np.concatenate([a.ravel(), b.ravel()]) for a, b in zip(first, second, strict=True)]
    )
    summed = Confusion.from_labels(*first) + Confusion.from_labels(*second)
    assert summed.classes.tolist() == joined.classes.tolist()
    assert summed.counts.tolist() == joined.counts.tolist()
