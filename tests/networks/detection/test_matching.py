"""Which boxes are which objects, by hand."""

from __future__ import annotations

import pytest
import torch

from septum.networks.detection.matching import (
    BACKGROUND,
    IGNORED,
    covered_share,
    match,
    sample,
)

OBJECTS = torch.tensor([[0.0, 0.0, 4.0, 4.0], [10.0, 10.0, 14.0, 14.0]])


def boxes(*rows):
    return torch.tensor(rows, dtype=torch.float32)


def test_boxes_are_clipped_to_the_image_before_they_are_compared():
    inside = torch.tensor([0.0, 0.0, 16.0, 16.0])
    across = boxes([-4, 0, 4, 4])  # half of it lies outside; the rest is the first object
    assert match(across, OBJECTS, above=0.7, below=0.3).tolist() == [IGNORED]
    assert match(across, OBJECTS, above=0.7, below=0.3, inside=inside).tolist() == [0]


def test_a_box_whose_middle_is_outside_is_no_background():
    inside = torch.tensor([0.0, 0.0, 16.0, 16.0])
    outside = boxes([-8, 6, 2, 8], [-2, 6, 8, 8])
    found = match(outside, OBJECTS, above=0.7, below=0.3, inside=inside)
    assert found.tolist() == [IGNORED, BACKGROUND]


def test_a_box_that_lies_mostly_in_the_void_is_no_background():
    void = torch.zeros(16, 16, dtype=torch.bool)
    void[:, 8:] = True
    found = match(boxes([4, 5, 6, 10], [4, 5, 6, 12]), OBJECTS, above=0.7, below=0.3, void=void)
    assert found.tolist() == [BACKGROUND, IGNORED]


def test_share_of_a_box_in_a_mask():
    mask = torch.zeros(4, 4, dtype=torch.bool)
    mask[:2] = True
    shares = covered_share(boxes([0, 0, 4, 4], [0, 0, 2, 4], [1, 1, 4, 3], [2, 2, 2, 2]), mask)
    assert shares.tolist() == pytest.approx([0.5, 1, 1 / 3, 0])


def test_matching_by_overlap():
    objects = torch.tensor([[0.0, 0.0, 10.0, 10.0], [50.0, 50.0, 52.0, 52.0]])
    boxes = torch.tensor(
        [
            [0.0, 0.0, 10.0, 9.0],  # IoU 0.9 with the first
            [0.0, 0.0, 10.0, 4.0],  # 0.4: between the thresholds
            [0.0, 0.0, 10.0, 1.0],  # 0.1
            [50.0, 50.0, 60.0, 60.0],  # 0.04 with the second, and no box has more
            [80.0, 80.0, 90.0, 90.0],
        ]
    )
    found = match(boxes, objects, above=0.5, below=0.3)
    assert found.tolist() == [0, IGNORED, BACKGROUND, BACKGROUND, BACKGROUND]
    found = match(boxes, objects, above=0.5, below=0.3, best=True)
    assert found.tolist() == [0, IGNORED, BACKGROUND, 1, BACKGROUND]


def test_what_reaches_beyond_the_image_is_compared_within_it():
    # a stack of 4 slices in the middle of a patch of 16, an object in all of them
    inside = torch.tensor([6.0, 0.0, 0.0, 10.0, 30.0, 30.0])
    objects = torch.tensor([[6.0, 0.0, 0.0, 10.0, 10.0, 10.0]])
    boxes = torch.tensor(
        [
            [3.0, 0.0, 0.0, 13.0, 10.0, 10.0],  # IoU 0.4, and 1 within the stack
            [3.0, 20.0, 20.0, 13.0, 30.0, 30.0],  # mostly beyond, its middle in the stack
            [0.0, 20.0, 20.0, 10.0, 30.0, 30.0],  # its middle beyond
            [10.0, 20.0, 20.0, 14.0, 30.0, 30.0],
            [5.0, 0.0, 0.0, 15.0, 10.0, 20.0],  # 0.5 within the stack
        ]
    )
    levels = {"above": 0.6, "below": 0.3}
    assert match(boxes, objects, **levels).tolist()[0] == IGNORED
    found = match(boxes, objects, **levels, inside=inside)
    assert found.tolist() == [0, BACKGROUND, IGNORED, IGNORED, IGNORED]
    none = match(boxes, objects[:0], **levels, inside=inside)
    assert none.tolist() == [BACKGROUND, BACKGROUND, IGNORED, IGNORED, BACKGROUND]


def test_without_objects_everything_is_background():
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    assert match(boxes, boxes[:0], above=0.5, below=0.3, best=True).tolist() == [BACKGROUND]
    assert match(boxes[:0], boxes, above=0.5, below=0.3).tolist() == []


def test_a_sample_has_at_most_its_share_of_objects_and_background_for_the_rest():
    found = torch.tensor([3, BACKGROUND, IGNORED, 0, 1, BACKGROUND, 2, BACKGROUND, BACKGROUND])
    torch.manual_seed(0)
    positive, negative = sample(found, 5, 0.4)
    assert len(positive) == 2
    assert set(positive.tolist()) <= {0, 3, 4, 6}
    assert len(negative) == 3
    assert set(negative.tolist()) <= {1, 5, 7, 8}
    drawn = {tuple(sorted(sample(found, 5, 0.4)[0].tolist())) for _ in range(20)}
    assert len(drawn) > 1, "it is a draw"
    positive, negative = sample(found, 100, 0.5)
    assert sorted(positive.tolist()) == [0, 3, 4, 6]
    assert sorted(negative.tolist()) == [1, 5, 7, 8]
