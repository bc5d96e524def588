"""Regressed maps: losses by hand, and what a turned image's channels mean."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from septum.heads.regression import Distance, Flows, Stars

ALL = [Distance, Flows, Stars]


def _labels(ndim):
    labels = np.zeros((12,) * ndim, int)
    labels[(slice(1, 8),) * ndim] = 1
    labels[(slice(8, 11), *(slice(2, 10),) * (ndim - 1))] = 2
    return labels


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("kind", ALL)
def test_targets_have_the_channels_announced(kind, ndim):
    target = kind.target(_labels(ndim), (1.0,) * ndim)
    assert target.dtype == np.float32
    assert target.shape == (kind.channels(ndim), *(12,) * ndim)


@pytest.mark.parametrize("kind", ALL)
def test_unknown_pixels_do_not_count(kind):
    target = torch.from_numpy(kind.target(_labels(2), (1.0, 1.0)))[None]
    known = torch.zeros(1, 12, 12, dtype=torch.bool)
    known[:, :, :6] = True
    outputs = torch.randn(1, kind.channels(2), 12, 12)
    other = outputs.clone()
    other[..., 6:] += 3
    assert kind.losses(outputs, target, known) == kind.losses(other, target, known)
    nowhere = kind.losses(outputs, target, torch.zeros_like(known))
    assert all(float(loss) == 0 for loss in nowhere.values())


def test_distance_is_a_cross_entropy():
    target = torch.tensor([[[[0.25]]]])
    loss = Distance.losses(torch.zeros(1, 1, 1, 1), target, torch.ones(1, 1, 1, dtype=torch.bool))
    assert float(loss["distance"]) == pytest.approx(math.log(2))


def test_rays_count_by_the_probability_of_their_pixel():
    target = torch.zeros(1, 33, 1, 2)
    target[0, 0, 0] = torch.tensor([1.0, 0.5])
    outputs = torch.zeros(1, 33, 1, 2)
    outputs[0, 1:, 0, 0], outputs[0, 1:, 0, 1] = 2.0, 4.0
    loss = Stars.losses(outputs, target, torch.ones(1, 1, 2, dtype=torch.bool))
    assert float(loss["rays"]) == pytest.approx(0.2 * (1.0 * 2 + 0.5 * 4) / 1.5)


def test_flows_are_learnt_five_times_as_long():
    target = torch.tensor([0.6, 0.8]).reshape(1, 2, 1, 1)
    known = torch.ones(1, 1, 1, dtype=torch.bool)
    assert float(Flows.losses(5 * target, target, known)["flows"]) == pytest.approx(0, abs=1e-12)
    loss = Flows.losses(torch.zeros(1, 2, 1, 1), target, known)["flows"]
    assert float(loss) == pytest.approx(0.5 * (9 + 16) / 2)
    torch.testing.assert_close(Flows.activate(5 * target), target)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("flips", [(), (0,), (1,), (0, 1)])
def test_targets_of_a_turned_image_are_turned_back(kind, order, flips):
    rng = np.random.default_rng(3)
    labels = _labels(2) * (rng.random((12, 12)) < 0.95)  # nothing symmetric
    straight = kind.target(labels, (1.0, 1.0))
    turned = kind.target(np.flip(labels.transpose(order), flips).copy(), (1.0, 1.0))
    index, sign = kind.turned_back(2, order, flips)
    back = turned[index] * np.reshape(sign, (-1, 1, 1))
    axes = [1 + axis for axis in flips]
    back = np.flip(back, axes).transpose(0, *(1 + order.index(axis) for axis in range(2)))
    # a turn changes which of two equals comes first: the middle pixel of an object, and the
    # side by which a diagonal ray passes a corner
    close = np.isclose(back, straight, atol=1e-4)
    assert close.mean() > (0.8 if kind is Flows else 0.99)


def test_rays_on_a_sphere_do_not_fall_on_each_other():
    found = [
        Stars.turned_back(3, order, flips)
        for order in itertools.permutations(range(3))
        for flips in ((), (0,), (1, 2))
    ]
    assert found[0] == (list(range(97)), [1.0] * 97)
    assert set(map(type, found[1:])) == {type(None)}
