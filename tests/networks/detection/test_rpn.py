"""Proposals of a network whose answers are known, and its losses by hand."""

from __future__ import annotations

import math

import pytest
import torch

from septum.networks.detection.rpn import RegionProposals
from septum.networks.detection.targets import DetectionTargets


def silent(**changes):
    """A network that moves no anchor and is as sure of each: all weights are 0."""
    options = {"sizes": (8.0,), "strides": (4,), "ratios": (1.0,), "proportions": (1.0, 1.0)}
    network = RegionProposals(2, 2, **{**options, **changes})
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    return network


def test_without_a_bias_for_anything_the_anchors_are_the_proposals():
    proposals = silent()([torch.zeros(1, 2, 4, 4)], (16, 16))
    (boxes,) = proposals.boxes
    assert proposals.losses == {}
    assert boxes.shape[1] == 4
    sizes = boxes[:, 2:] - boxes[:, :2]
    # clipped to the image, and none of less than a pixel; squares of 8 pixels four apart overlap
    # by a third, so that the suppression at 0.7 drops none
    assert len(boxes) == 16
    assert boxes.min() >= 0
    assert boxes.max() <= 16
    assert sizes.min() >= 1
    assert sizes.max() <= 8


def test_the_surest_place_comes_first():
    network = silent()
    with torch.no_grad():
        network.conv.weight[0, 0, 1, 1] = 1.0
        network.cls_logits.weight[0, 0, 0, 0] = 1.0
    features = torch.zeros(1, 2, 4, 4)
    features[0, 0, 2, 1] = 3.0
    (boxes,) = network([features], (16, 16)).boxes
    centre = (boxes[0, :2] + boxes[0, 2:]) / 2
    # the feature at (2, 1) stands at pixel (8, 4), whose middle is (8.5, 4.5)
    assert centre.tolist() == [8.5, 4.5]


def test_an_undecided_network_pays_log_2_for_each_anchor():
    network = silent()
    instance = torch.zeros(16, 16, dtype=torch.int64)
    instance[5:13, 1:9] = 1
    box = torch.tensor([[5.0, 1.0, 13.0, 9.0]])
    outside = torch.zeros(16, 16, dtype=torch.bool)
    truth = DetectionTargets(
        boxes=box,
        labels=torch.ones(1, dtype=torch.int64),
        instance=instance,
        ids=torch.tensor([1]),
        inside=torch.tensor([0.0, 0.0, 16.0, 16.0]),
        void=outside,
    )
    losses = network([torch.zeros(1, 2, 4, 4)], (16, 16), [truth]).losses
    assert float(losses["rpn_object"].detach()) == pytest.approx(math.log(2))
    assert float(losses["rpn_box"].detach()) >= 0
