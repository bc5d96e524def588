"""Gradient flows: literal fields first, then what comes back from them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from septum.heads.flows import Flows, flow_targets


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


def test_an_empty_map_has_no_flow():
    assert not flow_targets(np.zeros((4, 5), np.uint8)).any()


def test_flows_are_learnt_five_times_as_long():
    target = torch.tensor([0.6, 0.8]).reshape(1, 2, 1, 1)
    known = torch.ones(1, 1, 1, dtype=torch.bool)
    assert float(Flows.losses(5 * target, target, known)["flows"]) == pytest.approx(0, abs=1e-12)
    loss = Flows.losses(torch.zeros(1, 2, 1, 1), target, known)["flows"]
    assert float(loss) == pytest.approx(0.5 * (9 + 16) / 2)
    torch.testing.assert_close(Flows.activate(5 * target), target)
