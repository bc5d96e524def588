"""Modes that pixels climb to, and the objects made of them."""

from __future__ import annotations

import numpy as np

from septum.classical.mean_shift import MeanShift, modes


def test_pixels_of_two_values_climb_to_their_two_means():
    # a kernel wider than the row, which tells 0 from 1: the mean place of each value
    grey = np.array([[0.0, 0.0, 0.0, 1.0, 1.0]])
    positions, values = modes(grey, np.ones(2), radius=10.0, contrast=0.5)
    assert values.tolist() == [[0, 0, 0, 1, 1]]
    assert positions[0].tolist() == [[0] * 5]
    assert positions[1].tolist() == [[1, 1, 1, 3.5, 3.5]]


def test_positions_are_in_the_unit_of_the_radius():
    positions, _ = modes(np.zeros((1, 3)), np.array([1.0, 0.5]), radius=10.0, contrast=0.5)
    assert positions[1].tolist() == [[0.5, 0.5, 0.5]]


def test_a_kernel_of_one_pixel_moves_nothing():
    positions, values = modes(np.array([[0.2, 0.4]]), np.ones(2), radius=0.5, contrast=1.0)
    assert positions[1].tolist() == [[0, 1]]
    assert values.tolist() == [[0.2, 0.4]]


def test_touching_objects_of_unlike_grey_are_two():
    image = np.zeros((1, 12, 24))
    image[0, 3:9, 3:9], image[0, 3:9, 9:15] = 100.0, 200.0
    labels = MeanShift(sigma=0, radius=4.0, contrast=0.25).segment(image, spacing=(1, 1))
    assert labels.max() == 2
    assert labels[5, 5] != labels[5, 11]
