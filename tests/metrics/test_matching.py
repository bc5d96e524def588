import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from stardist.matching import matching as stardist_matching

from septum.errors import SeptumError
from septum.metrics.matching import (
    CONVENTIONS,
    THRESHOLDS,
    average_precision,
    match,
    seg_score,
)
from septum.metrics.overlap import OverlapTable

MAPS = hnp.array_shapes(min_dims=1, max_dims=3, min_side=2, max_side=4).flatmap(
    lambda shape: st.tuples(
        *[hnp.arrays(np.uint16, shape, elements=st.sampled_from([0, 0, 1, 2, 3, 40]))] * 2
    )
)


def naive_ious(true, pred):
    """Return {(true id, pred id): IoU} from boolean masks, for all pairs."""
    return {
        (int(t), int(p)): ((true == t) & (pred == p)).sum() / ((true == t) | (pred == p)).sum()
        for t in np.unique(true[true > 0])
        for p in np.unique(pred[pred > 0])
    }


def most_matches(ious, good):
    """Return the largest number of good pairs of any one-to-one assignment, by trying all."""
    trues = sorted({t for t, _ in ious})
    preds = sorted({p for _, p in ious})
    slots = [*preds, *[None] * len(trues)]
    return max(
        sum((t, p) in ious and good(ious[t, p]) for t, p in zip(trues, order, strict=False))
        for order in set(itertools.permutations(slots, len(trues)))
    )


def halves():
    """One true object and two predicted ones, each exactly half of it."""
    return np.array([0, 7, 7, 7, 7, 0]), np.array([0, 1, 1, 2, 2, 0])


def test_boxes_of_four_and_six_pixels_that_share_one():
    true, pred = np.zeros((2, 5, 6), np.int32)
    true[0:2, 0:2] = 3
    pred[1:3, 1:4] = 9
    found = match(true, pred)
    assert (found.tp, found.fp, found.fn) == (0, 1, 1)
    found = match(true, pred, threshold=0.1)
    assert (found.tp, found.fp, found.fn) == (1, 0, 0)
    assert found.pairs.tolist() == [[3, 9]]
    assert found.ious.tolist() == [1 / 9]


def test_iou_of_exactly_the_threshold():
    true, pred = np.array([1, 1, 0]), np.array([1, 0, 0])
    assert match(true, pred, convention="coco").tp == 0
    assert match(true, pred, convention="stardist").tp == 1
    assert match(true, pred, convention="cellpose").tp == 1


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_a_threshold_is_the_decimal_that_is_written(threshold):
    # objects of IoU k/20, and thresholds as sums that miss the decimal by 1e-16
    steps = dict(zip(THRESHOLDS, np.arange(0.5, 1.0, 0.05), strict=True))
    pixels = round(20 * threshold)
    true = np.ones(20, int)
    pred = np.where(np.arange(20) < pixels, 1, 0)
    for limit in (threshold, steps[threshold]):
        assert match(true, pred, threshold=limit, convention="coco").tp == 0
        assert match(true, pred, threshold=limit, convention="stardist").tp == 1
    assert match(true, pred, threshold=threshold - 0.01, convention="coco").tp == 1


def test_two_exact_halves_make_one_match():
    for true, pred in (halves(), halves()[::-1]):
        for convention in ("stardist", "cellpose"):
            found = match(true, pred, convention=convention)
            assert found.tp == 1
            assert found.fp + found.fn == 1
            assert found.pairs.tolist() in ([[7, 1]], [[1, 7]])
        assert match(true, pred, convention="coco").tp == 0


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.95])
@pytest.mark.parametrize(
    ("convention", "score"), [("coco", np.nan), ("stardist", 0.0), ("cellpose", np.nan)]
)
def test_nothing_against_nothing(convention, score, threshold):
    empty = np.zeros((4, 4), np.uint8)
    found = match(empty, empty, threshold=threshold, convention=convention)
    assert (found.tp, found.fp, found.fn) == (0, 0, 0)
    assert found.pairs.shape == (0, 2)
    for value in (found.average_precision, found.precision, found.recall, found.f1):
        np.testing.assert_equal(value, score)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_nothing_against_something_is_zero(convention):
    empty, full = np.zeros(6, int), np.array([1, 1, 0, 2, 2, 2])
    for threshold in (0.3, 0.5):
        missed = match(full, empty, threshold=threshold, convention=convention)
        spurious = match(empty, full, threshold=threshold, convention=convention)
        assert (missed.tp, missed.fp, missed.fn) == (0, 0, 2)
        assert (spurious.tp, spurious.fp, spurious.fn) == (0, 2, 0)
        assert missed.average_precision == spurious.average_precision == 0


def test_ratios_by_hand():
    true = np.array([1, 1, 2, 2, 3, 3, 0, 0, 0, 0])
    pred = np.array([4, 4, 5, 5, 0, 0, 6, 7, 8, 0])
    found = match(true, pred)
    assert (found.tp, found.fp, found.fn) == (2, 3, 1)
    assert found.average_precision == 2 / 6
    assert found.precision == 2 / 5
    assert found.recall == 2 / 3
    assert found.f1 == 4 / 8
    assert found.mean_iou == 1


def test_below_a_half_the_assignment_with_most_matches_wins():
    # true 1 overlaps pred 1 best (IoU .4), but pred 2 has no one else
    true = np.array([1] * 10 + [2] * 4)
    pred = np.array([2] * 4 + [1] * 10)
    ious = naive_ious(true, pred)
    assert ious[1, 1] == 6 / 14
    assert ious[1, 2] == ious[2, 1] == 0.4
    found = match(true, pred, threshold=0.3)
    assert sorted(found.pairs.tolist()) == [[1, 2], [2, 1]]
    assert match(true, pred, threshold=0.41).pairs.tolist() == [[1, 1]]


def test_crossed_overlaps_prefer_the_larger_sum():
    true = np.array([1] * 6 + [2] * 6)
    pred = np.array([1] * 2 + [2] * 4 + [1] * 4 + [2] * 2)
    found = match(true, pred, threshold=0.1)
    assert sorted(found.pairs.tolist()) == [[1, 2], [2, 1]]
    assert found.ious.tolist() == [0.5, 0.5]


@given(maps=MAPS, convention=st.sampled_from(CONVENTIONS), percent=st.integers(0, 19))
@settings(max_examples=200, deadline=None)
def test_counts_equal_those_of_trying_everything(maps, convention, percent):
    true, pred = maps
    threshold = percent * 5 / 100
    ious = naive_ious(true, pred)
    good = (lambda iou: iou > threshold) if convention == "coco" else (lambda iou: iou >= threshold)
    overlapping = {pair: iou for pair, iou in ious.items() if iou > 0}
    n_true, n_pred = len(np.unique(true[true > 0])), len(np.unique(pred[pred > 0]))
    found = match(true, pred, threshold=threshold, convention=convention)
    assert found.tp == (most_matches(overlapping, good) if overlapping else 0)
    assert (found.fp, found.fn) == (n_pred - found.tp, n_true - found.tp)
    assert len(found.pairs) == len(set(found.pairs[:, 0])) == len(set(found.pairs[:, 1]))
    for (t, p), iou in zip(found.pairs.tolist(), found.ious, strict=True):
        assert iou == ious[t, p]
        assert good(iou)


@given(maps=MAPS, convention=st.sampled_from(CONVENTIONS))
@settings(deadline=None)
def test_average_precision_is_a_ratio_of_counts_and_falls(maps, convention):
    scores = average_precision(*maps, [0.2, *THRESHOLDS], convention=convention)
    for threshold, score in zip([0.2, *THRESHOLDS], scores, strict=True):
        found = match(*maps, threshold=threshold, convention=convention)
        total = found.tp + found.fp + found.fn
        if total:
            assert score == found.tp / total
    if not np.isnan(scores).any():
        assert (np.diff(scores) <= 0).all()


def test_a_table_serves_in_place_of_maps():
    true, pred = halves()
    table = OverlapTable.from_labels(true, pred)
    assert match(table, convention="stardist").tp == 1
    np.testing.assert_array_equal(
        average_precision(table, None, [0.3, 0.5]), average_precision(true, pred, [0.3, 0.5])
    )
    with pytest.raises(TypeError, match="no second argument"):
        match(table, pred)
    with pytest.raises(TypeError, match="predicted labels"):
        match(true)


def test_mostly_void_predictions_are_not_false():
    true = np.array([1, 1, 1, 0, 0, 0, 0, 0])
    pred = np.array([1, 1, 2, 2, 2, 3, 3, 0])
    void = np.array([0, 0, 0, 1, 1, 0, 1, 0], bool)
    found = match(OverlapTable.from_labels(true, pred, void))
    # pred 2: two of three pixels in the void, ignored; pred 3: exactly half, counted
    assert (found.tp, found.fp, found.fn) == (1, 1, 0)
    assert found.ious.tolist() == [2 / 3]


@pytest.mark.parametrize("threshold", [-0.1, 1.0, 50.0, float("nan")])
def test_thresholds_out_of_range(threshold):
    with pytest.raises(SeptumError, match="threshold"):
        match(np.ones(3, int), np.ones(3, int), threshold=threshold)


def test_unknown_convention():
    with pytest.raises(SeptumError, match="coco, stardist, cellpose"):
        match(np.ones(3, int), np.ones(3, int), convention="voc")


def blobs(seed, shape, n):
    """Overlapping boxes as two label maps: random, jittered, some dropped."""
    rng = np.random.default_rng(seed)
    maps = np.zeros((2, *shape), np.uint16)
    corners = rng.integers(0, np.array(shape) - 4, (n, len(shape)))
    sizes = rng.integers(2, 9, (n, len(shape)))
    for k in range(n):
        for labels in maps:
            if rng.random() < 0.9:
                start = np.maximum(corners[k] + rng.integers(-2, 3, len(shape)), 0)
                box = tuple(slice(a, a + s) for a, s in zip(start, sizes[k], strict=True))
                labels[box] = k + 1
    return maps


@pytest.mark.parametrize("shape", [(60, 50), (16, 20, 18)])
def test_stardist_is_met_at_every_threshold(shape):
    for seed in range(8):
        true, pred = blobs(seed, shape, 40)
        table = OverlapTable.from_labels(true, pred)
        for threshold in (0.05, 0.1, 0.2, 0.3, 0.4, *THRESHOLDS):
            ours = match(table, threshold=threshold, convention="stardist")
            theirs = stardist_matching(true, pred, thresh=threshold)
            assert (ours.tp, ours.fp, ours.fn) == (theirs.tp, theirs.fp, theirs.fn)
            assert ours.average_precision == pytest.approx(theirs.accuracy)
            assert ours.precision == pytest.approx(theirs.precision)
            assert ours.recall == pytest.approx(theirs.recall)
            assert ours.f1 == pytest.approx(theirs.f1)
            assert ours.mean_iou == pytest.approx(theirs.mean_matched_score, rel=1e-5)


def test_stardist_is_met_on_special_cases():
    empty = np.zeros(6, int)
    for true, pred in (halves(), halves()[::-1], (empty, empty), (halves()[0], empty)):
        ours, theirs = match(true, pred, convention="stardist"), stardist_matching(true, pred)
        assert (ours.tp, ours.fp, ours.fn) == (theirs.tp, theirs.fp, theirs.fn)
        assert ours.average_precision == theirs.accuracy


def test_seg_by_hand():
    # IoU 2/3 with three of four pixels covered; exactly half covered: 0; missed: 0
    true = np.array([1, 1, 1, 1, 2, 2, 3, 3])
    pred = np.array([4, 4, 4, 0, 5, 0, 0, 0])
    assert seg_score(true, pred) == pytest.approx((3 / 4 + 0 + 0) / 3)
    assert seg_score(true, true) == 1
    assert np.isnan(seg_score(np.zeros(3, int), np.array([1, 0, 0])))


def test_seg_takes_the_covering_object_even_if_it_merges():
    # one prediction over both objects: Jaccard 4/8 and 4/8
    assert seg_score(np.repeat([1, 2], 4), np.ones(8, int)) == 0.5


@given(maps=st.tuples(*[hnp.arrays(np.uint16, (4, 5), elements=st.sampled_from([0, 1, 2, 9]))] * 2))
@settings(deadline=None)
def test_seg_is_that_of_masks(maps):
    true, pred = maps
    scores = []
    for t in np.unique(true[true > 0]):
        mask, score = true == t, 0.0
        for p in np.unique(pred[pred > 0]):
            other = pred == p
            if (mask & other).sum() > 0.5 * mask.sum():
                score = (mask & other).sum() / (mask | other).sum()
        scores.append(score)
    np.testing.assert_allclose(seg_score(true, pred), np.mean(scores) if scores else np.nan)
