"""Dense CRF: against mean field over all pairs of pixels, and what it does to an image."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from septum.errors import SeptumError
from septum.inference.crf import refine


def _all_pairs(probabilities, image, spacing, alpha, beta, gamma, w1, w2, iterations, radius):
    """Mean field by an N × N matrix per kernel; pairs further apart than a radius do not count."""
    size = image.shape[1:]
    places = np.array(list(itertools.product(*map(range, size)))) * spacing
    colours = image.reshape(len(image), -1).T
    squares = ((places[:, None] - places[None]) ** 2).sum(-1)
    contrasts = ((colours[:, None] - colours[None]) ** 2).sum(-1)
    appearance = np.exp(-squares / (2 * alpha**2) - contrasts / (2 * beta**2))
    smoothness = np.exp(-squares / (2 * gamma**2))
    pairs = np.zeros_like(squares)
    for kernel, weight, sigma in [(appearance, w1, alpha), (smoothness, w2, gamma)]:
        kernel = np.where((squares > 0) & (squares <= (radius * sigma) ** 2), kernel, 0)
        pairs += weight * kernel / kernel.sum(1, keepdims=True)
    unary = probabilities.reshape(len(probabilities), -1)
    q = unary
    for _ in range(iterations):
        q = unary * np.exp(q @ pairs.T)
        q = q / q.sum(0)
    return q.reshape(probabilities.shape)


def _random(channels, classes, size, seed=0):
    rng = np.random.default_rng(seed)
    scores = np.exp(rng.normal(size=(classes, *size)))
    return scores / scores.sum(0), rng.normal(size=(channels, *size))


@pytest.mark.parametrize(
    ("size", "spacing"),
    [((23,), (1.0,)), ((7, 9), (1.0, 1.0)), ((6, 8), (2.0, 0.5)), ((3, 5, 4), (3.0, 1.0, 1.0))],
)
@pytest.mark.parametrize("truncate", [100.0, 1.2])
def test_equals_mean_field_over_all_pairs(size, spacing, truncate):
    probabilities, image = _random(2, 3, size)
    found = refine(
        torch.from_numpy(probabilities),
        torch.from_numpy(image),
        intensity_sigma=0.7,
        appearance_weight=2.5,
        appearance_sigma=3.0,
        smoothness_weight=1.5,
        smoothness_sigma=2.6,
        spacing=spacing,
        truncate=truncate,
        iterations=4,
    )
    expected = _all_pairs(
        probabilities, image, spacing, 3.0, 0.7, 2.6, 2.5, 1.5, iterations=4, radius=truncate
    )
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-6)
    assert np.abs(expected - probabilities).max() > 0.1


def test_one_iteration_by_hand():
    # three pixels in a row, one class of two: 0.9, 0.5, 0.2; intensities 0, 0, 1
    first = torch.tensor([0.9, 0.5, 0.2])
    found = refine(
        torch.stack([first, 1 - first]),
        torch.tensor([[0.0, 0.0, 1.0]]),
        intensity_sigma=0.5,
        appearance_weight=2.0,
        appearance_sigma=1.0,
        smoothness_weight=0.0,
        iterations=1,
    )
    # from the middle: the left neighbour is alike, the right one differs by two sigmas
    alike, unlike = math.exp(-0.5), math.exp(-0.5 - 2)
    mean = (alike * 0.9 + unlike * 0.2) / (alike + unlike)
    odds = 0.5 * math.exp(2 * mean) / (0.5 * math.exp(2 * (1 - mean)))
    assert found[0, 1].item() == pytest.approx(odds / (1 + odds), rel=1e-5)
    torch.testing.assert_close(found.sum(0), torch.ones(3))


def test_borders_move_to_the_edges_of_the_image():
    # an object of columns 8 to 15, seen by a network two columns too far to the right, with noise
    rng = np.random.default_rng(1)
    truth = np.zeros((24, 24), bool)
    truth[:, 8:16] = True
    image = truth + rng.normal(0, 0.05, truth.shape)
    shifted = np.roll(truth, 2, axis=1)
    foreground = np.where(shifted, 0.7, 0.3) + rng.uniform(-0.25, 0.25, truth.shape)
    probabilities = torch.tensor(np.stack([1 - foreground, foreground]))
    before = (probabilities.argmax(0).numpy() != truth).mean()
    refined = refine(probabilities, torch.tensor(image[None]), intensity_sigma=0.2)
    after = (refined.argmax(0).numpy() != truth).mean()
    assert before > 0.15
    assert after == 0


def test_smoothness_alone_takes_out_single_pixels():
    rng = np.random.default_rng(2)
    truth = np.zeros((24, 24), bool)
    truth[6:18, 6:18] = True
    foreground = np.where(truth, 0.7, 0.3) + rng.uniform(-0.25, 0.25, truth.shape)
    probabilities = torch.tensor(np.stack([1 - foreground, foreground]))
    refined = refine(
        probabilities,
        torch.tensor(rng.normal(size=(1, 24, 24))),  # which must not matter
        intensity_sigma=0.1,
        appearance_weight=0.0,
        smoothness_weight=1.5,
        smoothness_sigma=1.0,
    )
    assert (probabilities.argmax(0).numpy() != truth).mean() > 0.05
    assert (refined.argmax(0).numpy() != truth).mean() < 0.01


def test_certain_probabilities_and_lone_pixels_stay_finite():
    probabilities = torch.zeros(2, 4, 4)
    probabilities[0] = 1.0
    probabilities[:, 1, 1] = torch.tensor([0.4, 0.6])
    image = torch.zeros(1, 4, 4)
    image[0, 1, 1] = 1e4  # like no other pixel: its appearance kernel is zero everywhere
    options = {"intensity_sigma": 1.0, "smoothness_weight": 0.0}
    found = refine(probabilities, image, **options)
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found, probabilities)
    pixel = torch.tensor([[[0.3]], [[0.7]]])
    torch.testing.assert_close(refine(pixel, torch.zeros(1, 1, 1), intensity_sigma=1.0), pixel)


def test_inputs_are_left_alone():
    probabilities, image = (torch.tensor(a).float() for a in _random(1, 2, (6, 6)))
    before = probabilities.clone(), image.clone()
    refine(probabilities, image, intensity_sigma=1.0)
    assert torch.equal(probabilities, before[0])
    assert torch.equal(image, before[1])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_agrees():
    probabilities, image = (torch.tensor(a).float() for a in _random(3, 3, (40, 50)))
    here = refine(probabilities, image, intensity_sigma=0.5)
    there = refine(probabilities.cuda(), image, intensity_sigma=0.5)
    assert there.is_cuda
    torch.testing.assert_close(there.cpu(), here, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": torch.zeros(1, 5, 4)}, r"probabilities: have \(4, 5\) pixels"),
        ({"image": torch.full((1, 4, 5), torch.nan)}, "not finite"),
        ({"spacing": (1.0,)}, "spacing: is .* 2 axes"),
        ({"spacing": (1.0, 0.0)}, "spacing"),
        ({"intensity_sigma": 0.0}, "intensity_sigma: cannot be 0"),
        ({"appearance_sigma": -1.0}, "appearance_sigma"),
        ({"smoothness_sigma": float("nan")}, "smoothness_sigma"),
    ],
)
def test_nonsense_is_refused(changes, message):
    given = {"image": torch.zeros(1, 4, 5), "intensity_sigma": 1.0} | changes
    with pytest.raises(SeptumError, match=message):
        refine(torch.full((2, 4, 5), 0.5), given.pop("image"), **given)
