"""Graph cut: costs by hand, smoothness, touching discs."""

from __future__ import annotations

import numpy as np
import pytest

from septum.classical.graph_cut import GraphCut, _gaussian_costs, _histogram_costs


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
