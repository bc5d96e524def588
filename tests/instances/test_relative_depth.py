"""How deep pixels lie in their objects: literal depths."""

from __future__ import annotations

import numpy as np
import pytest

from septum.heads.stardist import star_targets
from septum.instances.relative_depth import relative_depth


def test_depth_is_relative_to_the_thickest_place():
    labels = np.zeros((7, 9), int)
    labels[1:6, 1:6] = 1
    labels[3, 7] = 2
    depth = relative_depth(labels)
    np.testing.assert_allclose(depth[3], [0, 1 / 3, 2 / 3, 1, 2 / 3, 1 / 3, 0, 1, 0], rtol=1e-6)


def test_what_lies_outside_the_image_is_no_border():
    labels = np.array([[-1, -1, 1, 1, 1, 1, 0, 2, -1]])
    np.testing.assert_allclose(
        relative_depth(labels)[0], [0, 0, 1, 0.75, 0.5, 0.25, 0, 1, 0], rtol=1e-6
    )
    lengths = star_targets(labels)[1:]
    np.testing.assert_allclose(lengths[0, 0], [0, 0, 3.5, 2.5, 1.5, 0.5, 0, 0.5, 0])
    np.testing.assert_allclose(lengths[16, 0], [0, 0, 0.5, 1.5, 2.5, 3.5, 0, 0.5, 0])


def test_depth_of_a_full_image_is_one():
    assert (relative_depth(np.full((3, 4), 9)) == 1).all()


@pytest.mark.parametrize("largest", [np.uint8(255), np.uint16(65535), np.int16(32767)])
def test_depth_of_the_largest_id_of_a_type(largest):
    labels = np.array([[0, 1, 1, 1, 1, 1, 0]], type(largest)) * largest
    np.testing.assert_allclose(
        relative_depth(labels)[0], [0, 1 / 3, 2 / 3, 1, 2 / 3, 1 / 3, 0], rtol=1e-6
    )
