"""Gradient flows: literal fields first, then what comes back from them."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import balls

from septum.decoding.flows import follow_flows
from septum.heads.flows import flow_targets


def test_a_line_flows_to_its_middle():
    flows = flow_targets(np.array([[0, 5, 5, 5, 5, 5, 0]]))
    np.testing.assert_array_equal(flows[0], np.zeros((1, 7)))
    np.testing.assert_allclose(flows[1], [[0, 1, 1, 0, -1, -1, 0]], atol=1e-6)


def test_of_two_pixels_the_first_is_the_middle():
    np.testing.assert_allclose(flow_targets(np.array([[0, 2, 2, 0]]))[1], [[0, 1, -1, 0]])


def test_flows_are_unit_vectors_towards_the_centre_of_a_disc():
    y, x = np.mgrid[-12:13, -12:13]
    disc = (y**2 + x**2 <= 100).astype(np.uint16)
    flows = flow_targets(disc)
    length = np.hypot(*flows)
    off_centre = (disc > 0) & (y**2 + x**2 > 0)
    np.testing.assert_allclose(length[off_centre], 1, atol=1e-5)
    assert not length[disc == 0].any()
    towards = -(flows[0] * y + flows[1] * x)[off_centre] / np.hypot(y, x)[off_centre]
    assert towards.min() > 0.9  # the cosine of the angle to the centre


def test_touching_objects_do_not_see_each_other():
    alone = np.zeros((9, 20), int)
    alone[1:8, 1:10] = 1
    both = alone.copy()
    both[1:8, 10:19] = 2
    np.testing.assert_array_equal(flow_targets(both)[:, :, :10], flow_targets(alone)[:, :, :10])


def test_each_piece_of_an_object_has_its_own_centre():
    pieces = np.zeros((5, 13), int)
    pieces[1:4, 1:4] = pieces[1:4, 9:12] = 7
    flows = flow_targets(pieces)
    np.testing.assert_allclose(flows[1, 2, [1, 3, 9, 11]], [1, -1, 1, -1], atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "centres", "radius"),
    [
        ((40, 60), [(12, 12), (12, 30), (28, 21), (20, 50)], 9),
        ((18, 20, 32), [(9, 10, 9), (9, 10, 22)], 7),
    ],
)
def test_objects_come_back(shape, centres, radius):
    labels = balls(shape, centres, radius)
    found = follow_flows(flow_targets(labels), labels > 0)
    pairs = {(a, b) for a, b in zip(labels.ravel(), found.ravel(), strict=True)}
    # every object is one found object, with all of its pixels
    assert len(pairs) == len(centres) + 1
    assert (0, 0) in pairs


def test_shorter_vectors_lead_to_the_same_objects():
    labels = balls((30, 40), [(14, 11), (14, 28)], 9)
    found = follow_flows(0.7 * flow_targets(labels), labels > 0)
    assert len({*zip(labels.ravel().tolist(), found.ravel().tolist(), strict=True)}) == 3


def test_objects_whose_flow_is_not_that_of_their_shape_are_dropped():
    labels = balls((30, 44), [(14, 11), (14, 32)], 9)
    flows = flow_targets(labels)
    flows[:, :, 22:] = 0  # pixels that stay where they are, nowhere three of them
    found = follow_flows(flows, labels > 0)
    assert found.max() == 1
    assert not found[:, 22:].any()


def test_a_long_bar_comes_back_whole():
    labels = np.zeros((12, 700), np.uint8)
    labels[2:10, 5:695] = 1  # its ends are 345 pixels from its middle
    np.testing.assert_array_equal(follow_flows(flow_targets(labels), labels > 0), labels)


def test_no_foreground_gives_no_object():
    found = follow_flows(np.ones((2, 5, 6), np.float32), np.zeros((5, 6), bool))
    assert found.shape == (5, 6)
    assert not found.any()


def test_an_empty_map_has_no_flow():
    assert not flow_targets(np.zeros((4, 5), np.uint8)).any()
