"""All cases together: classes, things, stuff and all, by hand."""

import numpy as np
import pytest

from septum.config.schema import ClassSpec, Evaluate
from septum.metrics.case import evaluate_case
from septum.stages.evaluate.pooled import POOLED_COLUMNS, pooled_rows

SKY, GRASS, PERSON, DOG = 1, 2, 3, 4
CLASSES = {
    SKY: ClassSpec(name="sky", kind="stuff"),
    GRASS: ClassSpec(name="grass", kind="stuff"),
    PERSON: ClassSpec(name="person"),
    DOG: ClassSpec(name="dog"),
}


def scene():
    """Sky, grass, three people and a dog.

    Predicted: the dog as a person, the first two people as one, one pixel of the third as sky.
    """
    semantic = np.repeat([[SKY], [GRASS]], 4, axis=0) * np.ones((1, 12), int)
    instance = np.zeros((8, 12), int)
    for number, columns in ((1, (0, 2)), (2, (2, 4)), (3, (6, 8))):
        semantic[2:6, slice(*columns)] = PERSON
        instance[2:6, slice(*columns)] = number
    semantic[5:7, 9:12], instance[5:7, 9:12] = DOG, 4
    predicted, found = np.where(semantic == DOG, PERSON, semantic), instance.copy()
    found[instance == 2] = 1
    predicted[2, 6], found[2, 6] = SKY, 0
    return semantic, instance, predicted, found


def scored(*maps, scores=None):
    return evaluate_case(*maps, classes=CLASSES, spacing=(1, 1), settings=Evaluate(), scores=scores)


PERSONS_PQ = 7 / 8 / (1 + 2 / 2 + 2 / 2)  # one of three is found; two are wrong
SKY_PQ = 36 / 37


def test_one_case_by_hand():
    case = scored(*scene()).case
    assert case["pq_things"] == pytest.approx((PERSONS_PQ + 0) / 2)
    assert case["pq_stuff"] == pytest.approx((SKY_PQ + 1) / 2)
    assert case["pq"] == pytest.approx((PERSONS_PQ + 0 + SKY_PQ + 1) / 4)
    assert case["sq_things"] == pytest.approx((7 / 8 + 0) / 2)
    assert case["rq_things"] == pytest.approx((1 / 3 + 0) / 2)
    assert (case["sq_stuff"], case["rq_stuff"]) == (pytest.approx((SKY_PQ + 1) / 2), 1)


def test_rows_of_two_cases_by_hand():
    semantic, instance, *_ = scene()
    rows = pooled_rows("test", [scored(*scene()), scored(semantic, instance, semantic, instance)])
    assert [row["class_name"] for row in rows] == [
        *("sky", "grass", "person", "dog", "things", "stuff", "all")
    ]
    assert [row["kind"] for row in rows[2:]] == ["thing", "thing", "things", "stuff", "all"]
    assert all(set(row) <= set(POOLED_COLUMNS) and row["cases"] == 2 for row in rows)
    sky, grass, person, dog, things, stuff, every = rows
    assert (person["tp"], person["fp"], person["fn"], person["iou_sum"]) == (4, 2, 2, 3 + 7 / 8)
    persons = (3 + 7 / 8) / 6
    dogs = 1 / 1.5
    assert (person["pq"], dog["pq"]) == (pytest.approx(persons), pytest.approx(dogs))
    assert things["pq"] == pytest.approx((persons + dogs) / 2)
    assert stuff["pq"] == pytest.approx(((1 + SKY_PQ) / 2 + 1) / 2)
    assert every["pq"] == pytest.approx((things["pq"] + stuff["pq"]) / 2)
    assert (things["tp"], stuff["tp"], every["tp"], every["fn"]) == (5, 4, 9, 3)
    assert [row["classes"] for row in rows[4:]] == [2, 2, 4]
    # pixels: sky 36 of 37 and 36 of 36; dogs 6 of 12; persons 23 of 30 and 24 of 24
    assert (sky["iou"], dog["iou"]) == (pytest.approx(72 / 73), 0.5)
    assert person["iou"] == pytest.approx(47 / 54)
    assert things["iou"] == pytest.approx((47 / 54 + 0.5) / 2)
    assert every["iou"] == pytest.approx((72 / 73 + 1 + 47 / 54 + 0.5) / 4)
    assert (sky["sq"], grass["rq"]) == (pytest.approx((1 + SKY_PQ) / 2), 1)
    assert not any("coco_ap" in row for row in (sky, grass, stuff, every))


def test_average_precision_of_the_rows():
    *_, person, dog, things, _, _ = pooled_rows("test", [scored(*scene())])
    # in the order of ids: two people in one (an IoU of 1/2 is enough), the third, the dog
    assert person["coco_ap50"] == pytest.approx(67 / 101)
    assert person["coco_ap75"] == pytest.approx(34 / 101 / 2)
    assert dog["coco_ap50"] == dog["coco_ap"] == 0
    assert things["coco_ap50"] == pytest.approx(67 / 101 / 2)
    assert (things["small_to_px"], things["large_from_px"]) == (8, 8)  # areas 8, 8, 8, 6
    # surest of what is wrong; a dog that is found in no time makes nothing better
    rows = pooled_rows("test", [scored(*scene(), scores=[0.2, 0.0, 0.9, 1.0])])
    assert rows[2]["coco_ap50"] == pytest.approx(67 * 2 / 3 / 101)


def test_classes_alone_have_no_objects():
    semantic, _, predicted, _ = scene()
    case = scored(semantic, None, predicted, None)
    rows = pooled_rows("val", [case])
    assert case.objects is None
    assert {row["kind"] for row in rows[:4]} == {"stuff"}
    assert np.isnan(rows[4]["pq"])
    assert rows[4]["classes"] == 0
    assert rows[5]["pq"] == rows[6]["pq"]
    assert not any("coco_ap" in row for row in rows)
