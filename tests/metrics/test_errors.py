import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from septum.metrics.errors import object_errors


def kinds(true, pred):
    """Return ({true id: kind}, {pred id: kind})."""
    found = object_errors(np.asarray(true), np.asarray(pred))
    return (
        dict(zip(found.true_ids.tolist(), found.true_kinds.tolist(), strict=True)),
        dict(zip(found.pred_ids.tolist(), found.pred_kinds.tolist(), strict=True)),
    )


def test_matched_missed_and_spurious():
    true = [1, 1, 1, 0, 2, 2, 0, 0]
    pred = [5, 5, 0, 0, 0, 0, 6, 6]
    assert kinds(true, pred) == ({1: "matched", 2: "missed"}, {5: "matched", 6: "spurious"})


def test_poor_overlap_is_missed_and_spurious():
    # IoU 2/4: not above a half
    assert kinds([1, 1, 1, 0], [0, 2, 2, 2]) == ({1: "missed"}, {2: "spurious"})


def test_split_in_two_halves():
    assert kinds([1, 1, 1, 1], [2, 2, 3, 3]) == ({1: "split"}, {2: "split", 3: "split"})


def test_split_though_the_larger_part_would_match():
    # 7 of 10 pixels and 3 of 10: IoU 0.7, and still two objects for one
    assert kinds([1] * 10, [2] * 7 + [3] * 3) == ({1: "split"}, {2: "split", 3: "split"})


def test_a_crumb_makes_no_split():
    # 1 pixel of 20 is under a tenth: a match and a spurious crumb
    assert kinds([1] * 20, [2] * 19 + [3]) == ({1: "matched"}, {2: "matched", 3: "spurious"})
    # 2 of 20 are a tenth
    assert kinds([1] * 20, [2] * 18 + [3] * 2)[0] == {1: "split"}


def test_a_neighbour_that_reaches_in_makes_no_split():
    # pred 3 covers 2 of true 1's 10 pixels, but lies mostly in true 2
    true = [1] * 10 + [2] * 8
    pred = [4] * 8 + [3] * 10
    assert kinds(true, pred) == (
        {1: "matched", 2: "matched"},
        {4: "matched", 3: "matched"},
    )


def test_merged():
    assert kinds([1, 1, 2, 2], [3, 3, 3, 3]) == ({1: "merged", 2: "merged"}, {3: "merged"})


def test_merged_though_the_larger_would_match():
    assert kinds([1] * 7 + [2] * 3, [5] * 10) == ({1: "merged", 2: "merged"}, {5: "merged"})


def test_a_crumb_of_truth_makes_no_merge():
    assert kinds([1] * 19 + [2], [5] * 20) == ({1: "matched", 2: "missed"}, {5: "matched"})


def test_merged_comes_before_split():
    # pred 8 holds most of true 1 and true 2; pred 9 is another fragment of true 1
    true = [1] * 10 + [2] * 4
    pred = [9] * 4 + [8] * 10
    assert kinds(true, pred) == ({1: "merged", 2: "merged"}, {8: "merged", 9: "split"})


def test_nothing_in_either_map():
    assert kinds([0, 0], [0, 0]) == ({}, {})
    assert object_errors(np.zeros(3, int), np.zeros(3, int)).counts == {
        "matched": 0,
        "missed": 0,
        "split": 0,
        "merged": 0,
        "spurious": 0,
    }


def test_counts_and_ids_by_kind():
    true = np.array([1, 1, 1, 0, 2, 2, 0, 9, 9, 9, 9])
    pred = np.array([5, 5, 0, 0, 0, 0, 6, 7, 7, 8, 8])
    found = object_errors(true, pred)
    assert found.true("missed").tolist() == [2]
    assert found.pred("split").tolist() == [7, 8]
    assert found.counts == {"matched": 1, "missed": 1, "split": 1, "merged": 0, "spurious": 1}


def naive_kinds(true, pred):
    """Apply the definition to boolean masks, object by object."""
    trues = {int(i): true == i for i in np.unique(true[true > 0])}
    preds = {int(i): pred == i for i in np.unique(pred[pred > 0])}

    def parts(whole, others):
        """Objects that lie mostly in `whole` and make up a tenth of it, if several."""
        found = [
            i
            for i, other in others.items()
            if 2 * (whole & other).sum() > other.sum() and 10 * (whole & other).sum() >= whole.sum()
        ]
        return found if len(found) > 1 else []

    of_true, of_pred = dict.fromkeys(trues, "missed"), dict.fromkeys(preds, "spurious")
    for t, t_mask in trues.items():
        fragments = parts(t_mask, preds)
        of_pred |= dict.fromkeys(fragments, "split")
        of_true |= {t: "split"} if fragments else {}
    for p, p_mask in preds.items():
        held = parts(p_mask, trues)
        of_true |= dict.fromkeys(held, "merged")
        of_pred |= {p: "merged"} if held else {}
    for t, t_mask in trues.items():
        for p, p_mask in preds.items():
            iou = (t_mask & p_mask).sum() / (t_mask | p_mask).sum()
            if iou > 0.5 and (of_true[t], of_pred[p]) == ("missed", "spurious"):
                of_true[t] = of_pred[p] = "matched"
    return of_true, of_pred


RUNS = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 12)), min_size=1, max_size=7)


@given(first=RUNS, second=RUNS)
@settings(max_examples=300, deadline=None)
def test_kinds_are_those_of_the_definition(first, second):
    true, pred = (np.repeat(*zip(*runs, strict=True)) for runs in (first, second))
    size = min(true.size, pred.size)
    true, pred = true[:size], pred[:size]
    assert kinds(true, pred) == naive_kinds(true, pred)


@given(
    maps=hnp.array_shapes(min_dims=2, max_dims=3, max_side=5).flatmap(
        lambda shape: st.tuples(*[hnp.arrays(np.uint8, shape, elements=st.integers(0, 4))] * 2)
    )
)
@settings(deadline=None)
def test_every_object_has_one_kind_and_matches_pair_up(maps):
    true, pred = maps
    found = object_errors(true, pred)
    counts = found.counts
    assert found.true_ids.tolist() == [i for i in np.unique(true) if i]
    assert found.pred_ids.tolist() == [i for i in np.unique(pred) if i]
    assert counts["matched"] == found.pred("matched").size
    assert sum(counts.values()) - counts["spurious"] == found.true_ids.size
