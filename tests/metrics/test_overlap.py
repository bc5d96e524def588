import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from septum.errors import SeptumError
from septum.metrics.overlap import OverlapTable
from septum.metrics.pairs import count_pairs
from septum.metrics.segments import Segments

IDS = [0, 0, 1, 2, 7, 4209, 2**32 - 1]


SHAPES = st.sampled_from([(7,), (4, 5), (3, 4, 3)])


def as_dict(table):
    """Return the table's pairs as {(true id, pred id): pixels}."""
    ids = zip(table.true_ids[table.rows], table.pred_ids[table.cols], strict=True)
    return {(int(t), int(p)): int(n) for (t, p), n in zip(ids, table.intersections, strict=True)}


def boxes():
    """A 2×2 and a 2×3 box that share one pixel."""
    true, pred = np.zeros((5, 6), np.uint8), np.zeros((5, 6), np.uint8)
    true[0:2, 0:2] = 3
    pred[1:3, 1:4] = 9
    return true, pred


def test_two_boxes_that_share_one_pixel():
    table = OverlapTable.from_labels(*boxes())
    assert as_dict(table) == {(3, 9): 1}
    assert table.true_areas.tolist() == [4]
    assert table.pred_areas.tolist() == [6]
    assert table.ious.tolist() == [1 / 9]
    assert table.true_shares.tolist() == [1 / 4]
    assert table.pred_shares.tolist() == [1 / 6]


def test_objects_without_overlap_are_listed():
    table = OverlapTable.from_labels(np.array([5, 0, 0, 8]), np.array([0, 2, 0, 0]))
    assert table.true_ids.tolist() == [5, 8]
    assert table.pred_ids.tolist() == [2]
    assert table.rows.size == table.cols.size == table.intersections.size == 0


@pytest.mark.parametrize("shape", [(0,), (3, 0), (4, 4)])
def test_nothing_in_either_map(shape):
    empty = np.zeros(shape, np.uint16)
    table = OverlapTable.from_labels(empty, empty)
    assert (table.n_true, table.n_pred, table.ious.size) == (0, 0, 0)


def test_boolean_maps_hold_one_object():
    table = OverlapTable.from_labels(np.array([True, True, False]), np.array([False, True, True]))
    assert as_dict(table) == {(1, 1): 1}


@given(data=st.data(), shape=SHAPES, dtype=st.sampled_from([np.int64, np.uint32, np.uint64]))
def test_counts_are_those_of_masks(data, shape, dtype):
    ids = st.sampled_from(IDS)
    true = data.draw(hnp.arrays(dtype, shape, elements=ids))
    pred = data.draw(hnp.arrays(dtype, shape, elements=ids))
    void = data.draw(hnp.arrays(bool, shape))
    table = OverlapTable.from_labels(true, pred, void)
    inside = ~void
    assert table.true_ids.tolist() == [i for i in np.unique(true[inside]) if i]
    assert table.pred_ids.tolist() == [i for i in np.unique(pred) if i]
    assert table.true_areas.tolist() == [((true == i) & inside).sum() for i in table.true_ids]
    assert table.pred_areas.tolist() == [((pred == i) & inside).sum() for i in table.pred_ids]
    assert table.pred_void.tolist() == [((pred == i) & void).sum() for i in table.pred_ids]
    expected = {
        (int(t), int(p)): int(((true == t) & (pred == p) & inside).sum())
        for t in table.true_ids
        for p in table.pred_ids
    }
    assert as_dict(table) == {pair: pixels for pair, pixels in expected.items() if pixels}


def test_order_in_memory_does_not_matter():
    rng = np.random.default_rng(6)
    true, pred = rng.integers(0, 5, (2, 9, 8)).astype(np.uint16)
    fortran = OverlapTable.from_labels(np.asfortranarray(true), pred[::-1][::-1])
    assert as_dict(fortran) == as_dict(OverlapTable.from_labels(true, pred))


def test_real_labels_agree_with_scikit_image(real_data):
    tifffile = pytest.importorskip("tifffile")
    from skimage.metrics import contingency_table

    true = tifffile.imread(real_data / "stardist" / "stardist_mask2d.tif")
    pred = np.roll(true, (3, -4), axis=(0, 1))
    table = OverlapTable.from_labels(true, pred)
    peer = contingency_table(true, pred, ignore_labels=None).tocoo()
    expected = {
        (int(t), int(p)): round(n)
        for t, p, n in zip(peer.row, peer.col, peer.data, strict=True)
        if t and p and n
    }
    assert len(expected) > 100
    assert as_dict(table) == expected


def test_tables_of_classes():
    true = Segments(np.array([1, 1, 2, 2, 2]), np.array([4, 4, 6, 6, 9]), [1, 2], "true")
    pred = Segments(np.array([1, 2, 2, 2, 2]), np.array([1, 2, 2, 2, 3]), [1, 2], "pred")
    table = OverlapTable.from_pairs(count_pairs(true, pred), things=[1, 2])
    assert as_dict(table) == {(4, 1): 1, (4, 2): 1, (6, 2): 2, (9, 3): 1}
    like = table.same_class()
    assert as_dict(like) == {(4, 1): 1, (6, 2): 2, (9, 3): 1}
    # the predicted object 2 keeps its whole area, the part on class 1 too
    assert like.pred_areas.tolist() == [1, 3, 1]
    second = table.of_classes([2])
    assert second.true_ids.tolist() == [6, 9]
    assert second.pred_ids.tolist() == [2, 3]
    assert as_dict(second) == {(6, 2): 2, (9, 3): 1}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(3, np.float32), "float32"),
        (np.array([0, -4, 1]), "negative id -4"),
        (np.array([0, 2**32, 1]), "4294967296"),
    ],
)
def test_what_is_no_label_map(labels, message):
    with pytest.raises(SeptumError, match=message) as caught:
        OverlapTable.from_labels(np.zeros(3, int), labels)
    assert caught.value.problems[0].where == "predicted labels"
