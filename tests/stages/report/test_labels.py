"""Names beside marks: none covers another, and lines lead to those far away."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from septum.stages.report.labels import Box, leader, place_labels, text_width

FRAME = Box(50, 4, 600, 290)


def test_the_area_that_two_boxes_share():
    assert Box(0, 0, 10, 10).overlap(Box(5, 8, 20, 20)) == 5 * 2
    assert Box(0, 0, 10, 10).overlap(Box(10, 0, 20, 10)) == 0
    assert Box(1, 1, 9, 9).inside(Box(0, 0, 10, 10))
    assert not Box(1, 1, 11, 9).inside(Box(0, 0, 10, 10))


def test_wide_letters_take_more_room():
    assert text_width("ab") == 2 * 7.0
    assert text_width("Wm") == 2 * 8.7
    assert text_width("网") == 12.5


def test_no_line_leads_to_a_name_beside_its_mark():
    assert leader((100, 100), Box(109, 92, 150, 107)) is None
    assert leader((100, 100), Box(109, 60, 150, 75)) == (109, 73)


@pytest.mark.parametrize("spread", [0.0, 2.0, 20.0, 60.0, 300.0])
def test_names_of_twelve_experiments_cover_nothing(spread):
    random = np.random.default_rng(0)
    texts = [
        "unet",
        "unet_border",
        "deeplabv3plus",
        "monai:SwinUNETR",
        "网络",
        "WWWWWWWWWWWWWWWWWW",
    ]
    texts = [*texts, *(f"experiment {i}" for i in range(6))]
    points = [
        (float(np.clip(300 + spread * x, 60, 590)), float(np.clip(150 + spread * y, 14, 280)))
        for x, y in random.uniform(-1, 1, (12, 2))
    ]
    boxes = place_labels(points, texts, FRAME)
    assert all(box.inside(FRAME) for box in boxes)
    for one, other in itertools.combinations(boxes, 2):
        assert one.overlap(other) == 0
    marks = [Box(x - 7, y - 7, x + 7, y + 7) for x, y in points]
    for box, mark in itertools.product(boxes, marks):
        assert box.overlap(mark) == 0
    for box, text in zip(boxes, texts, strict=True):
        assert box.right - box.left == pytest.approx(text_width(text))


def test_a_name_stays_beside_its_mark_where_there_is_room():
    (box,) = place_labels([(100, 100)], ["unet"], FRAME)
    assert (box.left, (box.top + box.bottom) / 2) == (109, 100)
    (box,) = place_labels([(590, 100)], ["unet"], FRAME)
    assert box.right == 581, "on the other side at the edge"
