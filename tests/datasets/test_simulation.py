"""Simulated cells: whole, of the right size and place; light and camera by hand."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from septum.datasets.simulation import Cells, camera, grow_cells, per_cell, texture


def test_cells_are_whole_and_of_the_size_that_was_asked_for():
    cells = grow_cells(
        np.random.default_rng(0),
        (200, 200),
        count=40,
        radius=10.0,
        spacing=(1.0, 1.0),
        clustering=0.0,
    )
    pieces = [ndimage.label(cells.labels == i)[1] for i in range(1, cells.count + 1)]
    assert pieces == [1] * cells.count
    inner = np.setdiff1d(
        np.arange(1, cells.count + 1),
        np.concatenate([cells.labels[[0, -1]].ravel(), cells.labels[:, [0, -1]].ravel()]),
    )
    radii = np.sqrt(np.bincount(cells.labels.ravel())[inner] / np.pi)
    assert 9.0 < np.median(radii) < 11.0
    assert cells.depth[cells.labels == 0].max() == 0
    assert 0.8 < cells.depth.max() <= 1.0


def test_no_cell_has_its_centre_where_it_must_not():
    forbidden = np.zeros((120, 120), bool)
    forbidden[:, :60] = True
    cells = grow_cells(
        np.random.default_rng(0),
        (120, 120),
        count=60,
        radius=6.0,
        spacing=(1.0, 1.0),
        clustering=0.5,
        forbidden=forbidden,
    )
    assert cells.count > 5
    assert not cells.labels[:, :45].any()


def test_one_value_a_cell_is_spread_over_its_pixels():
    cells = Cells(np.array([[0, 1, 1], [2, 0, 2]], np.uint16), np.zeros((2, 3)))
    assert cells.count == 2
    assert per_cell(np.array([5.0, 7.0]), cells).tolist() == [[0, 5, 5], [7, 0, 7]]


def test_texture_has_mean_0_and_deviation_1_whatever_its_scale():
    for scale in ((1.0, 1.0), (8.0, 2.0)):
        noise = texture(np.random.default_rng(0), (64, 48), scale)
        np.testing.assert_allclose([noise.mean(), noise.std()], [0, 1], atol=1e-12)


def test_a_camera_counts_photons_and_adds_its_own_noise():
    # variance of the Poisson count (light · photons) and of reading it, in units of light
    light = np.full((200, 200), 0.5)
    seen = camera(np.random.default_rng(0), light, blur=(0, 0), photons=100.0, read_noise=3.0)
    np.testing.assert_allclose(seen.mean(), 0.5, rtol=0.01)
    np.testing.assert_allclose(seen.var(), (0.5 * 100 + 3**2) / 100**2, rtol=0.05)
