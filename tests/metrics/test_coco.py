"""COCO's average precision: by hand, and as pycocotools has it."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pycocotools.coco
import pycocotools.cocoeval
import pycocotools.mask
import pytest
import tifffile
from scored import line, objects_of

from septum.metrics.coco import area_ranges, coco_precision
from septum.metrics.objects import pool

TRUE = line((1, 8), (0, 2), (2, 8), (0, 2), (3, 8), (0, 8))


# 1 found whole, 3 by 5 of its 8 pixels, 2 missed, 2' where there is nothing
PRED = line((1, 8), (0, 12), (3, 5), (0, 3), (2, 8))


def test_a_curve_by_hand():
    found = coco_precision(objects_of(TRUE, PRED, [0.9, 0.8, 0.7]))
    # right, wrong, right: precision 1 up to recall 1/3 (34 of 101 recalls), 2/3 up to 2/3 (33)
    at_half, strict = (34 + 33 * 2 / 3) / 101, 34 / 101
    assert found.at(0.50) == pytest.approx(at_half)
    assert found.at(0.75) == pytest.approx(strict)
    # the IoU of 5/8 is enough at 0.50, 0.55 and 0.60
    assert found.ap == pytest.approx((3 * at_half + 7 * strict) / 10)


def test_the_order_of_scores_decides():
    best = coco_precision(objects_of(TRUE, PRED, [0.9, 0.1, 0.7]))
    worst = coco_precision(objects_of(TRUE, PRED, [0.2, 0.9, 0.1]))
    assert best.at(0.5) == pytest.approx(67 / 101)
    assert worst.at(0.5) == pytest.approx(67 * 2 / 3 / 101)
    unscored = coco_precision(objects_of(TRUE, PRED))
    assert unscored.at(0.5) == coco_precision(objects_of(TRUE, PRED, [1, 1, 1])).at(0.5)


def test_objects_are_pooled_before_the_curve():
    one = objects_of(TRUE, PRED, [0.9, 0.8, 0.7])
    nothing = objects_of(np.zeros((1, 9), int), line((1, 5), (0, 4)), [0.95])
    missed = objects_of(line((4, 5), (0, 4)), np.zeros((1, 9), int))
    pooled = pool([one, nothing, None, missed])
    # wrong, right, wrong, right, of four: precision 1/2 up to recall 1/2
    assert coco_precision(pooled).at(0.5) == pytest.approx(51 / 2 / 101)
    twice = coco_precision(pooled, weights=np.array([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 1, 0]]))
    alone = coco_precision(one).at(0.5)[0]
    np.testing.assert_allclose(twice.at(0.5), [51 / 2 / 101, alone, np.nan])
    kept = pooled.of_cases([3, 0])
    np.testing.assert_array_equal(kept.true_case, [1, 1, 1, 0])
    np.testing.assert_array_equal(kept.mask_rows, pooled.mask_rows)
    # right, wrong, right, of four
    assert coco_precision(kept).at(0.5) == pytest.approx((26 + 25 * 2 / 3) / 101)
    np.testing.assert_array_equal(pooled.of_cases([1, 3]).mask_rows, [])


def test_boxes_overlap_where_masks_do_not():
    true, pred = np.ones((4, 4), int), np.zeros((4, 4), int)
    true[1:3, 1:3] = 0
    pred[0, 0] = pred[3, 3] = 1  # two corners: the same box, few of the pixels
    objects = objects_of(true, pred)
    assert coco_precision(objects, "box").ap == 1
    assert coco_precision(objects, "mask").ap == 0
    true[0, 0] = true[3, 3] = 0  # not one pixel is shared
    true[1:3, 1:3] = 1
    assert coco_precision(objects_of(true, pred), "box").ap == 1


def test_void_excuses_what_lies_in_it():
    true, pred = line((1, 6), (0, 14)), line((1, 6), (0, 4), (2, 10))
    scores, void = [0.5, 0.9], np.zeros((1, 20), bool)
    assert coco_precision(objects_of(true, pred, scores)).at(0.5) == pytest.approx(1 / 2)
    void[:, 14:] = True  # six of ten
    assert coco_precision(objects_of(true, pred, scores, void)).at(0.5) == 1
    void[:, 14] = False  # just half
    assert coco_precision(objects_of(true, pred, scores, void)).at(0.5) == pytest.approx(1 / 2)


def test_ranges_of_area_hold_a_third_each():
    labels = line(*[(k, 2 * k) for k in range(1, 8)])  # areas 2, 4, … 14
    objects = objects_of(labels, np.where(labels > 5, 0, labels))
    ranges = area_ranges(objects)
    assert ranges == {"small": (0, 6), "medium": (6, 10), "large": (10, np.inf)}
    values = {name: coco_precision(objects, area=bounds).ap[0] for name, bounds in ranges.items()}
    # of the large ones (10, 12, 14) the first is found, and no other prediction is held against it
    assert values == pytest.approx({"small": 1, "medium": 1, "large": 34 / 101})


def test_an_object_of_the_range_is_taken_before_a_better_one_outside():
    true = line((1, 1), (2, 4), (1, 1), (2, 4))
    objects = objects_of(true, line((1, 10)))
    # boxes: 6 of 10 columns in common with the first (2 pixels), 9 with the second (8 pixels)
    assert coco_precision(objects, "box", area=(0, 4)).at(0.5) == 1
    assert coco_precision(objects, "box", area=(4, 9)).at(0.9) == 1
    assert coco_precision(objects, "box", area=(0, 4)).at(0.65) == 0


def test_what_does_not_occur_is_undefined():
    empty = np.zeros((3, 3), int)
    assert np.isnan(coco_precision(objects_of(empty, empty)).ap).all()
    only = objects_of(empty, empty + 1)
    assert np.isnan(coco_precision(only).ap).all()
    assert np.isnan(list(area_ranges(only).values())[1]).all()
    assert coco_precision(objects_of(empty + 1, empty)).ap == 0
    assert np.isnan(coco_precision(only).of_class(9).ap).all()


def scene(rng, shape=(96, 128), grid=16):
    """Return a true and a predicted (semantic, instance) pair, and scores with ties."""
    cells = np.add.outer(np.arange(shape[0]) // grid * 50, np.arange(shape[1]) // grid) + 1
    yy, xx = (np.arange(n) % grid for n in shape)
    size = rng.integers(6, grid + 1, (2, 10000))
    inside = (yy[:, None] < size[0][cells]) & (xx[None] < size[1][cells])
    instance = np.where(inside & (rng.random(10000)[cells] < 0.8), cells, 0)
    instance = np.unique(instance, return_inverse=True)[1].reshape(shape)
    classes = rng.integers(1, 4, instance.max() + 1)
    moved = np.roll(instance, rng.integers(-1, 2, 2), axis=(0, 1))
    moved[rng.random(instance.max() + 1)[moved] < 0.2] = 0
    speckled = np.where(rng.random(shape) < 0.05, 0, moved)
    changed = np.where(rng.random(classes.size) < 0.15, rng.integers(1, 4, classes.size), classes)
    scores = np.round(rng.random(classes.size), 1)[1:]
    pairs = (instance, classes), (speckled, changed)
    maps = [(np.where(i > 0, c[i], 0), i) for i, c in pairs]
    return *maps, scores


def pycocotools_precision(cases, kind, ranges):
    """Return COCOeval's precision (T, R, K, A), without a cap on the detections."""
    coco, evaluation = pycocotools.coco, pycocotools.cocoeval
    encode = pycocotools.mask.encode

    def entries(maps, image):
        semantic, instance = maps
        for number in range(1, instance.max() + 1):
            mask = instance == number
            if not mask.any():
                continue
            y, x = np.nonzero(mask)
            box = [x.min(), y.min(), x.max() + 1 - x.min(), y.max() + 1 - y.min()]
            yield {
                "image_id": image,
                "category_id": int(semantic[mask][0]),
                "segmentation": encode(np.asfortranarray(mask, np.uint8)),
                "bbox": [float(v) for v in box],
                "area": int(mask.sum()),
                "iscrowd": 0,
                "number": number,
            }

    true, pred = [], []
    for image, (of_true, of_pred, scores) in enumerate(cases, start=1):
        true += entries(of_true, image)
        pred += [e | {"score": float(scores[e["number"] - 1])} for e in entries(of_pred, image)]
    for number, entry in enumerate(true, start=1):
        entry["id"] = number
    # given both, pycocotools takes the area of a box for that of its mask
    other = "segmentation" if kind == "bbox" else "bbox"
    pred = [{k: v for k, v in entry.items() if k != other} for entry in pred]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO()
        truth.dataset = {
            "images": [
                {"id": i, "height": true_map.shape[0], "width": true_map.shape[1]}
                for i, ((_, true_map), *_) in enumerate(cases, start=1)
            ],
            "categories": [{"id": i} for i in (1, 2, 3)],
            "annotations": true,
        }
        truth.createIndex()
        found = evaluation.COCOeval(truth, truth.loadRes(pred), kind)
        found.params.maxDets = [10**6]
        found.params.areaRng = [[low, min(high, 1e10)] for low, high in ranges]
        found.params.areaRngLbl = [str(i) for i in range(len(ranges))]
        found.evaluate()
        found.accumulate()
    return found.eval["precision"][..., 0]


@pytest.mark.parametrize(("kind", "theirs"), [("mask", "segm"), ("box", "bbox")])
@pytest.mark.parametrize("seed", range(3))
def test_values_are_those_of_pycocotools(kind, theirs, seed):
    rng = np.random.default_rng(seed)
    cases = [scene(rng) for _ in range(4)]
    objects = pool(objects_of(*case) for case in cases)
    ranges = [(0, np.inf), *area_ranges(objects).values()]
    expected = pycocotools_precision(cases, theirs, ranges).mean(axis=1)  # (T, K, A)
    for a, area in enumerate(ranges):
        found = coco_precision(objects, kind, area)
        assert 0.03 < found.ap[0] < 0.95
        np.testing.assert_allclose(found.values[0], expected[:, :, a].T, rtol=1e-12)


def test_real_labels_as_pycocotools_has_them(real_data):
    true = tifffile.imread(real_data / "stardist" / "stardist_mask2d.tif").astype(np.int64)
    rng = np.random.default_rng(0)
    pred = np.roll(true, (2, 1), axis=(0, 1))
    pred[rng.random(true.max() + 1)[pred] < 0.2] = 0
    scores = rng.random(true.max())
    case = ((true > 0).astype(int), true), ((pred > 0).astype(int), pred), scores
    objects = objects_of(*case)
    ranges = [(0, np.inf), *area_ranges(objects).values()]
    expected = pycocotools_precision([case], "segm", ranges).mean(axis=1)[:, 0]
    for a, area in enumerate(ranges):
        found = coco_precision(objects, area=area).values[0, 0]
        assert 0.1 < found.mean() < 0.95
        np.testing.assert_allclose(found, expected[:, a], rtol=1e-12)
