"""Objects from flows: pixels that end in one place are one object."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import balls

from septum.decoding.flows import follow_flows
from septum.heads.flows import flow_targets


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
