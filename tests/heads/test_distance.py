"""The loss of the distance to the border of an object."""

from __future__ import annotations

import math

import pytest
import torch

from septum.heads.distance import Distance


def test_distance_is_a_cross_entropy():
    target = torch.tensor([[[[0.25]]]])
    loss = Distance.losses(torch.zeros(1, 1, 1, 1), target, torch.ones(1, 1, 1, dtype=torch.bool))
    assert float(loss["distance"]) == pytest.approx(math.log(2))
