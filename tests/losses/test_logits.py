"""The losses, against values worked out by hand and formulas written down again in NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from septum.losses.logits import dice_loss, weighted_cross_entropy

LN = math.log


def _probabilities_as_logits(p):
    """Logits (1, K, pixels) whose softmax is ``p``, one row a pixel."""
    return torch.tensor(p, dtype=torch.float32).log().T[None]


def _random(seed, shape, channels, ignored):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (shape[0], channels, *shape[1:])).astype(np.float32)
    classes = rng.integers(0, channels, shape)
    classes[rng.random(shape) < ignored] = -1
    return logits, classes, rng.uniform(0, 12, shape).astype(np.float32)


def _softmax(logits):
    e = np.exp(logits - logits.max(1, keepdims=True), dtype=np.float64)
    return e / e.sum(1, keepdims=True)


shapes = st.sampled_from([(1, 7), (3, 4, 5), (2, 3, 4, 2)])
problems = {
    "seed": st.integers(0, 2**32 - 1),
    "shape": shapes,
    "channels": st.integers(2, 4),
    "ignored": st.sampled_from([0.0, 0.3, 0.9]),
}


def test_cross_entropy_by_hand():
    logits = _probabilities_as_logits([[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]])
    classes = torch.tensor([[0, 1, 1]])
    plain = weighted_cross_entropy(logits, classes)
    assert plain.item() == pytest.approx((-LN(0.5) - LN(0.75) - LN(0.1)) / 3)
    weighted = weighted_cross_entropy(logits, classes, torch.tensor([[1.0, 0.0, 11.0]]))
    assert weighted.item() == pytest.approx((-LN(0.5) - 11 * LN(0.1)) / 3)


def test_ignored_pixels_count_neither_above_nor_below_the_line():
    logits = _probabilities_as_logits([[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]])
    weights = torch.tensor([[2.0, 3.0, 100.0]])
    loss = weighted_cross_entropy(logits, torch.tensor([[0, 1, -1]]), weights)
    assert loss.item() == pytest.approx((-2 * LN(0.5) - 3 * LN(0.75)) / 2)


@pytest.mark.parametrize("loss", [weighted_cross_entropy, dice_loss])
def test_nothing_to_learn_from_moves_nothing(loss):
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    value = loss(logits, torch.full((2, 4, 4), -1))
    value.backward()
    assert value.item() == pytest.approx(0.0, abs=1e-6)
    assert not logits.grad.any()


@given(**problems)
@settings(max_examples=40, deadline=None)
def test_cross_entropy_by_formula(seed, shape, channels, ignored):
    logits, classes, weights = _random(seed, shape, channels, ignored)
    log_p = np.log(_softmax(logits))
    terms = [
        weights[where] * -log_p[(where[0], classes[where], *where[1:])]
        for where in np.ndindex(*shape)
        if classes[where] >= 0
    ]
    loss = weighted_cross_entropy(*map(torch.from_numpy, (logits, classes, weights)))
    assert loss.item() == pytest.approx(np.sum(terms) / max(len(terms), 1), rel=1e-4)


def test_dice_by_hand():
    # one foreground channel: Σpy = 0.75 + 0.1, Σp = 0.5 + 0.75 + 0.1, Σy = 2
    logits = _probabilities_as_logits([[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]])
    loss = dice_loss(logits, torch.tensor([[0, 1, 1]]))
    assert loss.item() == pytest.approx(1 - 2 * 0.85 / (1.35 + 2), rel=1e-4)


@given(**problems)
@settings(max_examples=40, deadline=None)
def test_dice_by_formula(seed, shape, channels, ignored):
    logits, classes, _ = _random(seed, shape, channels, ignored)
    p = np.moveaxis(_softmax(logits), 1, -1)[classes >= 0]
    y = np.eye(channels)[classes[classes >= 0]]
    dice = (2 * (p * y).sum(0) + 1e-5) / (p.sum(0) + y.sum(0) + 1e-5)
    loss = dice_loss(torch.from_numpy(logits), torch.from_numpy(classes))
    assert loss.item() == pytest.approx(1 - dice[1:].mean(), rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("loss", [weighted_cross_entropy, dice_loss])
def test_losses_reckon_in_float32(loss):
    logits, classes, _ = _random(1, (2, 16, 16), 3, 0.1)
    low = torch.from_numpy(logits).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        inside = loss(low, torch.from_numpy(classes))
    assert inside.dtype == torch.float32
    assert torch.equal(inside, loss(low.float(), torch.from_numpy(classes)))
