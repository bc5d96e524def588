"""Losses of proposals, on values that are reckoned by hand."""

from __future__ import annotations

import math

import pytest
import torch

from septum.networks.detection.losses import SMOOTH_L1_BETA, box_losses, mask_loss
from septum.networks.detection.matching import BACKGROUND
from septum.networks.detection.targets import detection_targets

OBJECT = torch.zeros(8, 8, dtype=torch.int64)
OBJECT[2:6, 2:6] = 1
TRUE = detection_targets(OBJECT, OBJECT)  # one object of class 1, its box 2, 2, 6, 6
BOXES = torch.tensor([[2.0, 2.0, 6.0, 6.0], [0.0, 0.0, 2.0, 2.0]])
WHICH = torch.tensor([0, BACKGROUND])


def test_undecided_classes_cost_the_logarithm_of_their_number():
    losses = box_losses(torch.zeros(2, 3), torch.zeros(2, 3, 4), [BOXES], [WHICH], [TRUE], (1, 1))
    assert losses["class"].item() == pytest.approx(math.log(3))
    assert losses["box"].item() == 0  # the first proposal is the box already; the other has none


def test_a_box_is_compared_for_the_true_class_only():
    # the proposal lies half a side too high: the true shift is 0.5, of which 0.5 - β/2 is left
    boxes = BOXES - torch.tensor([2.0, 0.0, 2.0, 0.0])
    codes = torch.zeros(2, 3, 4)
    codes[:, [0, 2]] = 9.0
    losses = box_losses(torch.zeros(2, 3), codes, [boxes], [WHICH], [TRUE], (1, 1))
    assert losses["box"].item() == pytest.approx((0.5 - SMOOTH_L1_BETA / 2) / 2)


def test_an_undecided_mask_costs_a_bit_a_bin_and_a_right_one_nothing():
    logits = torch.zeros(1, 2, 4, 4)
    assert mask_loss(logits, [BOXES[:1]], [WHICH[:1]], [TRUE]).item() == pytest.approx(math.log(2))
    logits[:, 1] = 20.0  # the object fills its box
    assert mask_loss(logits, [BOXES[:1]], [WHICH[:1]], [TRUE]).item() == pytest.approx(0, abs=1e-6)


def test_without_any_object_the_mask_loss_is_zero_and_reaches_the_weights():
    logits = torch.zeros(0, 2, 4, 4, requires_grad=True)
    loss = mask_loss(logits, [BOXES[:0]], [WHICH[:0]], [TRUE])
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
