"""Planes of an image or patch that may be turned by 90 degrees, in training and in prediction."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

# Spacings that differ by less are taken for equal: rotating one axis into the other is no lie.
EQUAL_SPACING = 0.01


def square_planes(size: Sequence[int], spacing: Sequence[float]) -> list[tuple[int, int]]:
    """Return the planes (pairs of axes) that a rotation by 90° maps to themselves.

    Parameters
    ----------
    size : sequence of int
        Pixels along each axis.
    spacing : sequence of float
        Size of a pixel along each axis.
    """
    return [
        (a, b)
        for a, b in itertools.combinations(range(len(size)), 2)
        if size[a] == size[b] and abs(spacing[a] / spacing[b] - 1) < EQUAL_SPACING
    ]
