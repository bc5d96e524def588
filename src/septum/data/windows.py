"""Windows of an image that is thought of as mirrored without end at its borders.

The border pixel is not repeated (numpy's ``reflect``), as in the overlap-tile strategy of the
U-Net paper. Training cuts its patches so, and prediction its tiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


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
    """
    lead = len(array.shape) - len(start)
    axes = [_hull(*axis) for axis in zip(start, extent, array.shape[lead:], strict=True)]
    hull = tuple(under for under, _ in axes)
    window = np.asarray(array[(slice(None),) * lead + hull])
    for axis, (_, index) in enumerate(axes, start=lead):
        if index is not None:
            window = np.take(window, index, axis=axis)
    return window


def _hull(start: int, extent: int, size: int) -> tuple[slice, np.ndarray | None]:
    """Return the pixels under a window; where it is mirrored, also which of them it shows."""
    if start >= 0 and start + extent <= size:
        return slice(start, start + extent), None
    period = max(2 * (size - 1), 1)
    index = np.arange(start, start + extent) % period
    index = np.where(index < size, index, period - index)
    first = int(index.min())
    return slice(first, int(index.max()) + 1), index - first
