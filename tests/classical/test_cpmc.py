"""CPMC: discs whole, cut by the border and touching; its parts on known shapes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import ConvexHull

from septum.classical.cpmc import CPMC, solidity
from septum.classical.mincut import contrast_edges
from septum.errors import SeptumError


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


def test_cpmc_is_two_dimensional():
    with pytest.raises(SeptumError, match="segments 2-D images, but this one has 3 spatial axes"):
        CPMC().segment(np.zeros((1, 8, 8, 8)), spacing=(1, 1, 1))
