"""Box coding, anchors and matching, on values reckoned by hand."""

from __future__ import annotations

import math

import pytest
import torch

from septum.networks.detection.anchors import anchors, shapes
from septum.networks.detection.boxes import LARGEST, clip, decode, encode
from septum.networks.detection.matching import BACKGROUND, NEITHER, match, sample


def test_a_code_is_the_shift_and_the_logarithm_in_units_of_the_reference():
    reference = torch.tensor([[10.0, 20.0, 14.0, 30.0]])  # 4 × 10 around (12, 25)
    box = torch.tensor([[12.0, 20.0, 20.0, 25.0]])  # 8 × 5 around (16, 22.5)
    code = encode(box, reference, (1.0, 1.0))
    expected = [4 / 4, -2.5 / 10, math.log(2), math.log(0.5)]
    torch.testing.assert_close(code, torch.tensor([expected]))
    weighted = encode(box, reference, (10.0, 5.0))
    expected = [10.0, -2.5, 5 * math.log(2), 5 * math.log(0.5)]
    torch.testing.assert_close(weighted, torch.tensor([expected]))


@pytest.mark.parametrize("axes", [2, 3])
def test_decoding_undoes_encoding(axes):
    torch.manual_seed(0)
    start = torch.rand(2, 50, axes) * 100
    boxes, references = torch.cat([start, start + 1 + torch.rand(2, 50, axes) * 30], dim=2)
    code = encode(boxes, references, (10.0, 5.0))
    torch.testing.assert_close(decode(code, references, (10.0, 5.0)), boxes, atol=1e-3, rtol=0)


def test_an_untrained_network_enlarges_by_no_more_than_the_limit():
    box = decode(torch.full((1, 4), 1e4), torch.tensor([[0.0, 0.0, 2.0, 2.0]]), (1.0, 1.0))
    assert (box[0, 2] - box[0, 0]).item() == pytest.approx(2 * math.exp(LARGEST))


def test_clipping_leaves_what_lies_in_the_image():
    boxes = torch.tensor([[-3.0, 2.0, 4.0, 99.0], [12.0, 0.0, 15.0, 3.0]])
    expected = torch.tensor([[0.0, 2.0, 4.0, 20.0], [10.0, 0.0, 10.0, 3.0]])
    torch.testing.assert_close(clip(boxes, (10, 20)), expected)


def test_a_ratio_is_a_shape_an_axis_of_the_same_volume():
    root = math.sqrt(2)
    flat = [(8.0, 8.0), (8 * root, 8 / root), (8 / root, 8 * root)]
    for found, expected in zip(shapes(8.0, (1.0, 2.0), (1, 1)), flat, strict=True):
        assert found == pytest.approx(expected)
    deep = shapes(4.0, (2.0,), (1, 1, 1))
    assert len(deep) == 3
    for axis, shape in enumerate(deep):
        assert math.prod(shape) == pytest.approx(64)
        assert shape[axis] == pytest.approx(2 * shape[axis - 1])


def test_anchors_stand_on_the_pixels_of_their_features():
    found = anchors((2, 3), 4, 2.0, (1.0,), (1, 1), torch.device("cpu"))
    centres = [(y + 0.5, x + 0.5) for y in (0, 4) for x in (0, 4, 8)]
    expected = [[y - 1, x - 1, y + 1, x + 1] for y, x in centres]
    torch.testing.assert_close(found, torch.tensor(expected))


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
    assert found.tolist() == [0, NEITHER, BACKGROUND, BACKGROUND, BACKGROUND]
    found = match(boxes, objects, above=0.5, below=0.3, best=True)
    assert found.tolist() == [0, NEITHER, BACKGROUND, 1, BACKGROUND]


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
    assert match(boxes, objects, **levels).tolist()[0] == NEITHER
    found = match(boxes, objects, **levels, inside=inside)
    assert found.tolist() == [0, BACKGROUND, NEITHER, NEITHER, NEITHER]
    none = match(boxes, objects[:0], **levels, inside=inside)
    assert none.tolist() == [BACKGROUND, BACKGROUND, NEITHER, NEITHER, BACKGROUND]


def test_without_objects_everything_is_background():
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    assert match(boxes, boxes[:0], above=0.5, below=0.3, best=True).tolist() == [BACKGROUND]
    assert match(boxes[:0], boxes, above=0.5, below=0.3).tolist() == []


def test_a_sample_has_at_most_its_share_of_objects_and_background_for_the_rest():
    found = torch.tensor([3, BACKGROUND, NEITHER, 0, 1, BACKGROUND, 2, BACKGROUND, BACKGROUND])
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
