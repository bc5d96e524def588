"""Anchors: their shapes and places, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from septum.networks.detection.anchors import anchors, n_shapes, shapes


@pytest.mark.parametrize(
    ("ratios", "axes", "count"), [((1,), 2, 1), ((1, 2), 3, 4), ((2, 3), 2, 4)]
)
def test_a_ratio_other_than_1_is_long_along_each_axis_in_turn(ratios, axes, count):
    assert n_shapes(ratios, axes) == count


def test_all_shapes_of_a_volume_have_its_volume_and_are_flat_where_voxels_are_long():
    extents = torch.tensor(shapes(10.0, (1.0, 2.0), (0.25, 1.0, 1.0)))
    assert extents.prod(dim=1).tolist() == pytest.approx([250.0] * 4)
    assert extents[0].tolist() == pytest.approx([2.5, 10, 10])


def test_a_ratio_is_a_shape_an_axis_of_the_same_volume():
    root = math.sqrt(2)
    flat = [(8.0, 8.0), (8 * root, 8 / root), (8 / root, 8 * root)]
    for found, expected in zip(shapes(8.0, (1.0, 2.0), (1, 1)), flat, strict=True):
        assert found == pytest.approx(expected)
    deep = shapes(4.0, (2.0,), (1, 1, 1))
    assert len(deep) == 3
    for axis, shape in enumerate(deep):
        assert math.prod(shape) == pytest.approx(64)
        assert shape[axis] == pytest.approx(2 * shape[axis - 1])


def test_anchors_stand_on_the_pixels_of_their_features():
    found = anchors((2, 3), 4, 2.0, (1.0,), (1, 1), torch.device("cpu"))
    centres = [(y + 0.5, x + 0.5) for y in (0, 4) for x in (0, 4, 8)]
    expected = [[y - 1, x - 1, y + 1, x + 1] for y, x in centres]
    torch.testing.assert_close(found, torch.tensor(expected))
