"""Pairs of overlapping boxes of two lists, without comparing each with each.

Boxes that share a pixel share a cell of a grid, and only those that share a cell are compared:
an array of all pairs would grow with the square of the number of objects.
"""

from __future__ import annotations

import numpy as np

Boxes = tuple[np.ndarray, np.ndarray]


def overlapping_boxes(first: Boxes, second: Boxes) -> np.ndarray:
    """Return which boxes of two lists share a pixel.

    Parameters
    ----------
    first, second : (starts, stops), each an (n, axes) integer array
        First pixel of each box, and the pixel after its last; no start is below 0. A box that
        stops where it starts, or before, is empty and overlaps none.

    Returns
    -------
    (k, 2) int64 array
        Positions in ``first`` and in ``second``, sorted.

    Examples
    --------
    Boxes from 0 to 3 and from 5 to 8, against boxes from 2 to 6 and from 8 to 9:

    >>> first = np.array([[0], [5]]), np.array([[3], [8]])
    >>> second = np.array([[2], [8]]), np.array([[6], [9]])
    >>> overlapping_boxes(first, second)
    array([[0, 0],
           [1, 0]])
    """
    full = [np.flatnonzero((start < stop).all(axis=1)) for start, stop in (first, second)]
    if not full[0].size or not full[1].size:
        return np.empty((0, 2), np.int64)
    start_a, stop_a = (corner[full[0]] for corner in first)
    start_b, stop_b = (corner[full[1]] for corner in second)
    # cells as large as the boxes are on average
    extents = np.concatenate([stop_a - start_a, stop_b - start_b])
    edge = np.ceil(extents.mean(axis=0)).astype(np.int64)
    grid = np.maximum(stop_a.max(axis=0), stop_b.max(axis=0)) // edge + 1
    box_a, cell_a = _cells(start_a // edge, (stop_a - 1) // edge, grid)
    box_b, cell_b = _cells(start_b // edge, (stop_b - 1) // edge, grid)
    order = np.argsort(cell_b, kind="stable")
    begin = np.searchsorted(cell_b[order], cell_a, side="left")
    count = np.searchsorted(cell_b[order], cell_a, side="right") - begin
    a = np.repeat(box_a, count)
    b = box_b[order[np.repeat(begin, count) + _ranges(count)]]
    overlap = (np.maximum(start_a[a], start_b[b]) < np.minimum(stop_a[a], stop_b[b])).all(axis=1)
    # pairs that share several cells were met in each of them
    number = np.unique(a[overlap] * len(start_b) + b[overlap])
    return np.stack([full[0][number // len(start_b)], full[1][number % len(start_b)]], axis=1)


def _cells(low: np.ndarray, high: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return every cell from the lowest to the highest of each box, and which box it is of."""
    spread = high - low + 1
    count = spread.prod(axis=1)
    box = np.repeat(np.arange(len(low)), count)
    step, cell, stride = _ranges(count), np.zeros(len(box), np.int64), 1
    for axis in range(low.shape[1]):
        cell += (low[box, axis] + step % spread[box, axis]) * stride
        step, stride = step // spread[box, axis], stride * int(grid[axis])
    return box, cell


def _ranges(counts: np.ndarray) -> np.ndarray:
    """Return 0 … n - 1 for each n of ``counts``, one after the other."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
