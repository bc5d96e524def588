import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from septum.errors import SeptumError
from septum.metrics.matching import match
from septum.metrics.panoptic import ClassSums, PanopticSums, panoptic_quality

GRASS, PERSON, DOG = 1, 2, 3


def scene():
    """Grass with two persons and a dog; the dog is predicted as a person."""
    semantic = np.full((6, 10), GRASS)
    instance = np.zeros((6, 10), int)
    for class_id, number, columns in ((PERSON, 1, (0, 2)), (PERSON, 2, (3, 5)), (DOG, 3, (6, 9))):
        semantic[0:4, slice(*columns)] = class_id
        instance[0:4, slice(*columns)] = number
    predicted = semantic.copy()
    predicted[semantic == DOG] = PERSON
    # the second person is found but for one of its eight pixels, which goes to the grass
    predicted[0, 3], instance_found = GRASS, instance.copy()
    instance_found[0, 3] = 0
    return (semantic, instance), (predicted, instance_found)


def naive(true, pred, things, void):
    """Count segments one by one: {class: [iou_sum, tp, fp, fn]} with panopticapi's rules."""

    def segments(semantic, instance, inside):
        masks = {}
        for i in np.unique(semantic[semantic > 0]):
            numbers = np.unique(instance[semantic == i]) if i in things else [None]
            for k in numbers:
                if k is None:
                    mask = semantic == i
                elif k == 0:
                    continue
                else:
                    mask = (semantic == i) & (instance == k)
                if (mask & inside).any():
                    masks[int(i), k] = mask
        return masks

    trues, preds = segments(*true, ~void), segments(*pred, np.ones_like(void))
    sums = {i: [0.0, 0, 0, 0] for i in {key[0] for key in [*trues, *preds]}}
    matched = set()
    for (i, k), t in trues.items():
        for (j, m), p in preds.items():
            t_in, p_in = t & ~void, p & ~void
            union = (t_in | p_in).sum()
            iou = (t_in & p_in).sum() / union if union else 0
            if i == j and iou > 0.5:
                sums[i][0] += iou
                sums[i][1] += 1
                matched |= {("true", i, k), ("pred", j, m)}
    for (j, m), p in preds.items():
        if ("pred", j, m) not in matched and (p & void).sum() / p.sum() <= 0.5:
            sums[j][2] += 1
    for i, k in trues:
        if ("true", i, k) not in matched:
            sums[i][3] += 1
    return sums


def test_a_dog_predicted_as_a_person():
    found = panoptic_quality(*scene(), things=[PERSON, DOG])
    # 60 pixels, 28 of them things; the grass is predicted whole and one pixel too many
    assert found.classes[GRASS] == ClassSums(iou_sum=32 / 33, tp=1, fp=0, fn=0)
    assert found.classes[PERSON] == ClassSums(iou_sum=1 + 7 / 8, tp=2, fp=1, fn=0)
    assert found.classes[DOG] == ClassSums(iou_sum=0, tp=0, fp=0, fn=1)
    assert found.classes[PERSON].pq == pytest.approx(1.875 / 2.5)
    assert found.classes[PERSON].sq == 1.875 / 2
    assert found.classes[PERSON].rq == 2 / 2.5
    assert found.classes[DOG].pq == found.classes[DOG].sq == found.classes[DOG].rq == 0
    assert found.pq == pytest.approx((32 / 33 + 0.75 + 0) / 3)
    assert found.pooled == ClassSums(32 / 33 + 1.875, 3, 1, 1)


def test_pq_is_sq_times_rq():
    for sums in panoptic_quality(*scene(), things=[PERSON, DOG]).classes.values():
        assert sums.pq == pytest.approx(sums.sq * sums.rq)


def test_iou_of_exactly_a_half_is_no_match():
    found = panoptic_quality(np.array([1, 1, 0]), np.array([1, 0, 0]))
    assert found.classes[1] == ClassSums(0, 0, 1, 1)


def test_void_is_out_of_the_union():
    true, pred = np.array([1, 1, 0, 0, 0]), np.array([1, 1, 1, 1, 1])
    assert panoptic_quality(true, pred).pq == 0
    void = np.array([0, 0, 1, 1, 0], bool)
    # the union is 3 pixels once the two void ones are out
    assert panoptic_quality(true, pred, void=void).classes[1] == ClassSums(2 / 3, 1, 0, 0)


def test_predictions_more_than_half_void_are_ignored():
    true, pred = np.zeros(6, int), np.array([1, 1, 1, 2, 2, 0])
    void = np.array([0, 1, 1, 0, 1, 1], bool)
    assert panoptic_quality(true, pred, void=void).classes[1] == ClassSums(0, 0, 1, 0)


def test_true_objects_inside_the_void_are_not_missed():
    true, pred = np.array([1, 1, 0, 2]), np.zeros(4, int)
    void = np.array([1, 1, 0, 0], bool)
    assert panoptic_quality(true, pred, void=void).classes[1] == ClassSums(0, 0, 0, 1)


def test_a_class_in_neither_map_is_left_out():
    empty = np.zeros((3, 3), int)
    nothing = panoptic_quality(empty, empty)
    assert np.isnan([nothing.pq, nothing.sq, nothing.rq]).all()
    named = PanopticSums({1: ClassSums(0.9, 1, 0, 0), 2: ClassSums()})
    assert named.pq == pytest.approx(0.9)
    assert np.isnan(named.classes[2].pq)


def test_cases_are_pooled_before_dividing():
    first = panoptic_quality(np.array([1, 1, 2, 2]), np.array([1, 1, 2, 2]))
    second = panoptic_quality(np.array([1, 1, 0, 0]), np.array([0, 0, 1, 1]))
    assert (first.pq, second.pq) == (1, 0)
    pooled = sum([first, second], PanopticSums({}))
    # not the mean of 1 and 0, but 2 / (2 + 1/2 + 1/2)
    assert pooled.pq == pytest.approx(2 / 3)


def test_stuff_is_one_segment_a_class():
    semantic = np.array([1, 1, 0, 1, 1, 2])
    instance = np.array([1, 1, 0, 2, 2, 3])
    found = panoptic_quality((semantic, instance), (semantic, instance), things=[2])
    assert (found.classes[1].tp, found.classes[2].tp) == (1, 1)
    without = panoptic_quality((semantic, None), (semantic, None))
    assert (without.classes[1].tp, without.classes[2].tp) == (1, 1)
    things = panoptic_quality((semantic, instance), (semantic, instance))
    assert (things.classes[1].tp, things.classes[2].tp) == (2, 1)
    with pytest.raises(SeptumError, match="no instance map"):
        panoptic_quality((semantic, instance), (semantic, None))


@given(data=st.data(), shape=hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
@settings(max_examples=150, deadline=None)
def test_sums_equal_those_of_masks(data, shape):
    maps = [
        data.draw(hnp.arrays(np.int64, shape, elements=st.sampled_from(values)))
        for values in [[0, 1, 2, 3], [0, 1, 2]] * 2
    ]
    void = data.draw(hnp.arrays(bool, shape))
    true, pred = tuple(maps[:2]), tuple(maps[2:])
    found = panoptic_quality(true, pred, things={2, 3}, void=void)
    expected = naive(true, pred, {2, 3}, void)
    for class_id, (iou_sum, *counts) in expected.items():
        sums = found.classes.get(class_id, ClassSums())
        assert [sums.tp, sums.fp, sums.fn] == counts
        assert sums.iou_sum == pytest.approx(iou_sum)
    assert set(found.classes) <= set(expected)


def test_instance_maps_give_the_counts_of_match():
    rng = np.random.default_rng(3)
    true = np.repeat(np.repeat(rng.integers(0, 9, (5, 5)), 4, 0), 4, 1)
    pred = np.roll(true, 1, axis=0)
    found, sums = match(true, pred), panoptic_quality(true, pred).classes[1]
    assert found.tp > 0
    assert (sums.tp, sums.fp, sums.fn) == (found.tp, found.fp, found.fn)
    assert sums.iou_sum == found.ious.sum()


def test_torchmetrics_is_met():
    torch = pytest.importorskip("torch")
    detection = pytest.importorskip("torchmetrics.detection")
    rng = np.random.default_rng(11)
    peer = detection.PanopticQuality(
        things={2, 3}, stuffs={1, 4}, return_sq_and_rq=True, return_per_class=True
    )
    pooled = PanopticSums({})
    for case in range(6):
        # blocks of 4 pixels; moved by 1 they match, by 2 only where they are in rows
        semantic, instance = (
            np.kron(rng.integers(1, high, (5, 6)), np.ones((4, 4), int)) for high in (5, 4)
        )
        shift = 1 + case % 2
        moved = np.roll(semantic, shift, axis=1), np.roll(instance, shift, axis=1)
        maps = (semantic, instance), moved
        pooled += panoptic_quality(*maps, things={2, 3})
        batches = [torch.from_numpy(np.stack(pair, axis=-1))[None] for pair in maps]
        peer.update(batches[1], batches[0])
    ours = [[getattr(pooled.classes[i], s) for s in ("pq", "sq", "rq")] for i in (2, 3, 1, 4)]
    assert 0.3 < pooled.rq < 0.9
    np.testing.assert_allclose(ours, peer.compute().numpy(), rtol=1e-6)
