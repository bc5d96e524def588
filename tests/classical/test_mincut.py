"""Minimum cuts, against all labellings of small images."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from septum.classical.mincut import Edges, contrast_edges, minimum_cut


def energy(mask, as_background, as_object, weights):
    """Sum the energy of a labelling pixel by pixel; weights by pairs of pixels."""
    total = sum(
        as_object[p] if mask[p] else as_background[p] for p in np.ndindex(as_background.shape)
    )
    return total + sum(w for (p, q), w in weights.items() if mask[p] != mask[q])


def neighbours(shape, connectivity):
    """Return each pair of neighbours once."""
    places = list(np.ndindex(shape))
    for p, q in itertools.combinations(places, 2):
        steps = np.abs(np.subtract(p, q))
        if steps.max() == 1 and steps.sum() <= connectivity:
            yield p, q


@pytest.mark.parametrize(
    ("shape", "connectivity"), [((3, 3), 1), ((3, 3), 2), ((2, 2, 2), 1), ((2, 2, 2), 3)]
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_minimum_cut_equals_brute_force(shape, connectivity, seed):
    random = np.random.default_rng(seed)
    as_background, as_object = 8 * random.random((2, *shape))
    grey = random.random(shape)
    steps = np.arange(1.0, len(shape) + 1)
    edges = contrast_edges(grey, steps, connectivity=connectivity)
    # the weights once more, by pairs of pixels, from the formula
    faces = [(grey[p] - grey[q]) ** 2 for p, q in neighbours(shape, 1)]
    weights = {
        (p, q): np.exp(-((grey[p] - grey[q]) ** 2) / (2 * np.mean(faces)))
        / np.linalg.norm(np.subtract(p, q) * steps)
        for p, q in neighbours(shape, connectivity)
    }
    mask, least = minimum_cut(as_background, as_object, edges)
    every = [
        energy(np.reshape(labels, shape), as_background, as_object, weights)
        for labels in itertools.product([False, True], repeat=grey.size)
    ]
    assert least == pytest.approx(min(every))
    assert energy(mask, as_background, as_object, weights) == pytest.approx(min(every))
    assert 0 < mask.sum() < mask.size


def test_contrast_edges_of_known_pixels():
    along, across = contrast_edges(np.array([[0.0, 0, 2]]), np.array([2.0, 1.0]), connectivity=1)
    assert (along.offset, along.length) == ((0, 1), 1.0)
    # mean square of the differences 0 and 2: 2; exp(−4/4)
    np.testing.assert_allclose(along.weights, [[1, np.exp(-1), 0]])
    assert (across.offset, across.length) == ((1, 0), 2.0)
    assert not across.weights.any()


def test_both_ends_of_edges():
    array = np.array([[1, 2, 3], [4, 5, 6]])
    here, there = Edges((1, -1), 2**0.5, np.zeros((2, 3))).ends(array)
    assert here.tolist() == [[2, 3]]
    assert there.tolist() == [[4, 5]]
