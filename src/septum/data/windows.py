"""Windows of an image: read beyond its borders, and the planes in which they may be turned.

Beyond its borders an image is mirrored without end. The border pixel is not repeated (numpy's
``reflect``), as in the overlap-tile strategy of the U-Net paper. Training cuts its patches so,
and prediction its tiles.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

MAX_SPACING_DIFFERENCE = 0.01
"""Spacings of two axes that differ by a smaller share are taken for equal when turning."""


def read_mirrored(array: Any, start: Sequence[int], extent: Sequence[int]) -> np.ndarray:
    """Read a window of the last axes of an array, mirrored beyond its borders.

    Parameters
    ----------
    array : array-like, shape (..., *spatial)
        Numpy or zarr; only the part under the window is read, once and in one piece.
    start, extent : sequence of int
        First pixel (may be negative) and number of pixels along each spatial axis.

    Returns
    -------
    ndarray, shape (..., *extent)
        A view where a numpy array is not mirrored.

    Examples
    --------
    >>> read_mirrored(np.array([1, 2, 3, 4]), start=[-2], extent=[8])
    array([3, 2, 1, 2, 3, 4, 3, 2])
    """
    lead = len(array.shape) - len(start)
    axes = [_hull(*axis) for axis in zip(start, extent, array.shape[lead:], strict=True)]
    hull = tuple(under for under, _ in axes)
    window = np.asarray(array[(slice(None),) * lead + hull])
    for axis, (_, index) in enumerate(axes, start=lead):
        if index is not None:
            window = np.take(window, index, axis=axis)
    return window


def square_planes(size: Sequence[int], spacing: Sequence[float]) -> list[tuple[int, int]]:
    """Return the planes (pairs of axes) that a rotation by 90° maps to themselves.

    Parameters
    ----------
    size : sequence of int
        Pixels along each axis.
    spacing : sequence of float
        Size of a pixel along each axis.

    Examples
    --------
    >>> square_planes((64, 64, 64), spacing=(2.0, 0.5, 0.5))
    [(1, 2)]
    """
    return [
        (a, b)
        for a, b in itertools.combinations(range(len(size)), 2)
        if size[a] == size[b] and abs(spacing[a] / spacing[b] - 1) < MAX_SPACING_DIFFERENCE
    ]


def _hull(start: int, extent: int, size: int) -> tuple[slice, np.ndarray | None]:
    """Return the pixels under a window; where it is mirrored, also which of them it shows."""
    if start >= 0 and start + extent <= size:
        return slice(start, start + extent), None
    period = max(2 * (size - 1), 1)
    index = np.arange(start, start + extent) % period
    index = np.where(index < size, index, period - index)
    first = int(index.min())
    return slice(first, int(index.max()) + 1), index - first
