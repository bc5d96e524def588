"""Minimum cuts, and the two methods made of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import ConvexHull

from septum.classical.cpmc import CPMC, solidity
from septum.classical.graph_cut import GraphCut, _gaussian_costs, _histogram_costs
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


def test_gaussian_costs():
    grey = np.array([0.0, 0.2, -9.0, 0.8, 1.2, 7.0])
    bright = grey > 0.5
    as_background, as_object = _gaussian_costs(grey, bright)
    low, high = grey[~bright], grey[bright]
    middle = np.clip(0.8, low.mean(), high.mean())
    expected = (middle - high.mean()) ** 2 / (2 * high.var()) + np.log(high.std())
    assert as_object[3] == pytest.approx(expected)
    # beyond the means nothing changes any more
    assert as_object[5] == pytest.approx(np.log(high.std()))
    assert as_background[2] == pytest.approx(np.log(low.std()))


def test_histogram_costs_favour_the_class_of_a_value():
    grey = np.repeat([0.0, 0.1, 0.9, 1.0], 50)
    as_background, as_object = _histogram_costs(grey, grey > 0.5)
    assert ((as_object < as_background) == (grey > 0.5)).all()


@pytest.mark.parametrize("data", ["gaussian", "histogram"])
def test_smoothness_removes_noise(data):
    true = np.zeros((30, 30), bool)
    true[8:22, 8:22] = True
    grey = np.where(true, 100.0, 0.0) + np.random.default_rng(0).normal(0, 25, true.shape)

    def mistakes(smoothness):
        method = GraphCut(data=data, sigma=0, h=0, smoothness=smoothness)
        return np.count_nonzero((method.segment(grey[None], spacing=(1, 1)) > 0) != true)

    assert mistakes(0.01) >= 20
    assert mistakes(8) <= 2


def test_graph_cut_parts_touching_discs():
    y, x = np.indices((40, 60))
    true = ((y - 20) ** 2 + (x - 20) ** 2 <= 100) | ((y - 20) ** 2 + (x - 38) ** 2 <= 100)
    image = np.where(true, 90.0, 10.0)[None]
    assert GraphCut(h=1).segment(image, spacing=(1, 1)).max() == 2
    assert GraphCut(h=0).segment(image, spacing=(1, 1)).max() == 1


def disc(shape, centre, radius):
    y, x = np.indices(shape)
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2


def noisy(mask):
    return (100.0 * mask + np.random.default_rng(0).normal(0, 5, mask.shape))[None]


def test_cpmc_recovers_a_disc():
    true = disc((50, 50), (24, 26), 10)
    found = CPMC(min_size=20).segment(noisy(true), spacing=(1, 1))
    assert found.max() == 1
    assert (true & (found == 1)).sum() / (true | (found == 1)).sum() > 0.9


@pytest.mark.parametrize("centre", [(3, 26), (36, 26), (20, 3), (20, 46)])
def test_cpmc_recovers_a_disc_that_the_border_cuts(centre):
    true = disc((40, 50), centre, 9)
    found = CPMC(min_size=20).segment(noisy(true), spacing=(1, 1))
    assert found.max() == 1
    assert (true & (found == 1)).sum() / (true | (found == 1)).sum() > 0.9


def test_cpmc_parts_touching_discs_by_their_convexity():
    one, two = disc((40, 60), (20, 20), 9), disc((40, 60), (20, 36), 9)
    image = noisy(one | two)
    found = CPMC(min_size=20).segment(image, spacing=(1, 1))
    assert found.max() == 2
    assert found[20, 20] != found[20, 36]
    # without it the whole is as good as its halves: its outline is steep all around
    assert CPMC(min_size=20, convexity=0).segment(image, spacing=(1, 1)).max() == 1


def test_an_object_beyond_its_reach_is_not_found_whole():
    true = disc((60, 60), (30, 30), 20)
    whole = CPMC(reach=42).segment(noisy(true), spacing=(1, 1))
    assert (whole == 1).sum() > 0.9 * true.sum()
    parts = CPMC(reach=8).segment(noisy(true), spacing=(1, 1))
    assert np.bincount(parts[parts > 0]).max() < 17**2


def test_larger_rewards_give_larger_masks():
    grey = ndimage.gaussian_filter(np.random.default_rng(0).random((40, 40)), 2)
    grey = (grey - grey.min()) / np.ptp(grey)
    method, steps = CPMC(), np.ones(2)
    figure = disc((40, 40), (20, 20), 1)
    edges = contrast_edges(grey, steps, connectivity=2)
    masks = list(method._ladder(grey, figure, np.zeros_like(figure), edges))
    assert len(masks) >= 4
    assert all((small <= large).all() for small, large in itertools.pairwise(masks))
    assert all(mask[figure].all() for mask in masks)


def test_a_coarse_axis_has_as_many_seeds_as_a_fine_one():
    true = np.zeros((24, 48), bool)
    true[6:18, 12:36] = True  # a square, of pixels twice as high as wide
    method = CPMC(step=6, reach=12, sigma=0)
    grey = np.where(true, 1.0, 0.0)
    corners = {p.corner for p in method.proposals(grey, np.array([2.0, 1.0]))}
    # seeds every 3 rows and every 6 columns, from 1 and from 3 on; windows of 6 and of 12
    assert corners == {
        (max(0, r - 6), max(0, c - 12)) for r in (7, 10, 13, 16) for c in (15, 21, 27, 33)
    }


def test_solidity():
    assert solidity(np.ones((3, 5), bool)) == 1
    assert solidity(np.array([[True]])) == 1
    assert solidity(np.array([[1, 0], [1, 1]], bool)) == pytest.approx(3 / 3.5)
    assert solidity(np.array([[1, 0, 1], [1, 1, 1], [1, 0, 1]], bool)) == pytest.approx(7 / 9)
    random = np.random.default_rng(0)
    for _ in range(20):
        mask = random.random((9, 7)) < 0.3
        mask[4, 3] = True
        pixels = np.argwhere(mask)
        corners = np.concatenate([pixels + o for o in ((0, 0), (0, 1), (1, 0), (1, 1))])
        assert solidity(mask) == pytest.approx(mask.sum() / ConvexHull(corners).volume)
