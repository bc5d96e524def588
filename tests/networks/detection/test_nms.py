"""Non-maximum suppression against the definition."""

from __future__ import annotations

import pytest
import torch

from septum.networks.detection.nms import nms


def greedy(boxes, scores, threshold, groups):
    """NMS as it is defined, every box against every kept one."""
    axes = boxes.shape[1] // 2
    kept = []
    for i in torch.argsort(-scores, stable=True).tolist():
        for j in kept:
            if groups[i] != groups[j]:
                continue
            ends = torch.minimum(boxes[i, axes:], boxes[j, axes:])
            starts = torch.maximum(boxes[i, :axes], boxes[j, :axes])
            both = (ends - starts).clamp(min=0).prod()
            sizes = [(boxes[k, axes:] - boxes[k, :axes]).prod() for k in (i, j)]
            if both / (sizes[0] + sizes[1] - both) > threshold:
                break
        else:
            kept.append(i)
    return kept


def test_by_hand():
    # IoU of the first two: 8 / 12; the third touches them only
    boxes = torch.tensor([[0.0, 0, 2, 5], [0, 1, 2, 6], [2, 0, 4, 5]])
    scores = torch.tensor([0.6, 0.9, 0.8])
    assert nms(boxes, scores, 0.6).tolist() == [1, 2]
    assert nms(boxes, scores, 0.7).tolist() == [1, 2, 0]


def test_an_iou_at_the_threshold_stays():
    boxes = torch.tensor([[0.0, 0, 2, 3], [0, 1, 2, 4]])  # 4 / 8
    assert len(nms(boxes, torch.tensor([1.0, 0.5]), 0.5)) == 2


def test_of_equal_scores_the_first_stays():
    boxes = torch.tensor([[0.0, 0, 4, 4]]).repeat(3, 1)
    assert nms(boxes, torch.ones(3), 0.5).tolist() == [0]


def test_groups_leave_each_other_alone():
    boxes = torch.tensor([[0.0, 0, 4, 4]]).repeat(3, 1)
    kept = nms(boxes, torch.tensor([0.1, 0.3, 0.2]), 0.5, torch.tensor([7, 7, 9]))
    assert kept.tolist() == [1, 2]


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7])
def test_equals_the_definition(axes, threshold):
    generator = torch.Generator().manual_seed(axes)
    # many small boxes and a few that hold half of the others, each twice, half a pixel larger
    starts = (torch.rand(150, axes, generator=generator) * 20).round()
    sizes = (torch.rand(150, axes, generator=generator) ** 4 * 40).ceil() + 1
    boxes = torch.cat([starts, starts + sizes], dim=1)
    boxes = torch.cat([boxes, boxes + torch.tensor([0.0, 0.5]).repeat_interleave(axes)])
    # with ties
    scores = (torch.rand(300, generator=generator) * 50).round()
    groups = torch.randint(0, 2, (300,), generator=generator)
    wanted = greedy(boxes, scores, threshold, groups)
    assert 0 < len(wanted) < 300
    assert nms(boxes, scores, threshold, groups).tolist() == wanted


def test_nothing_from_nothing():
    assert nms(torch.zeros(0, 4), torch.zeros(0), 0.5).tolist() == []
