"""Pairs of overlapping boxes of two lists, without comparing each with each.

Boxes that share a pixel share a cell of a grid, and only those that share a cell are compared:
an array of all pairs would grow with the square of the number of objects. The few boxes that
cover many cells are compared with all others instead: what is in memory grows neither with their
size nor with the number of cells that two of them share.
"""

from __future__ import annotations

import numpy as np

Boxes = tuple[np.ndarray, np.ndarray]
MAX_CELLS_PER_BOX = 64
"""Cells of the grid, in all, that a box may cover to be sought by the grid."""


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
    cells_a, cells_b = (
        (start_a // edge, (stop_a - 1) // edge),
        (start_b // edge, (stop_b - 1) // edge),
    )
    large_a, large_b = _covers_many(*cells_a), _covers_many(*cells_b)
    box_a, cell_a = _cells(*cells_a, np.flatnonzero(~large_a), grid)
    box_b, cell_b = _cells(*cells_b, np.flatnonzero(~large_b), grid)
    order = np.argsort(cell_b, kind="stable")
    begin = np.searchsorted(cell_b[order], cell_a, side="left")
    count = np.searchsorted(cell_b[order], cell_a, side="right") - begin
    a = np.repeat(box_a, count)
    b = box_b[order[np.repeat(begin, count) + _ranges(count)]]
    overlap = (np.maximum(start_a[a], start_b[b]) < np.minimum(stop_a[a], stop_b[b])).all(axis=1)
    numbers = [a[overlap] * len(start_b) + b[overlap]]
    for i in np.flatnonzero(large_a):
        numbers.append(i * len(start_b) + _overlaps(start_a[i], stop_a[i], start_b, stop_b))
    for i in np.flatnonzero(large_b):
        numbers.append(_overlaps(start_b[i], stop_b[i], start_a, stop_a) * len(start_b) + i)
    # pairs that share several cells were met in each of them, and two large boxes from either side
    number = np.unique(np.concatenate(numbers))
    return np.stack([full[0][number // len(start_b)], full[1][number % len(start_b)]], axis=1)


def _covers_many(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return which boxes cover too many cells to be sought by the grid."""
    return (high - low + 1).prod(axis=1) > MAX_CELLS_PER_BOX


def _overlaps(
    start: np.ndarray, stop: np.ndarray, starts: np.ndarray, stops: np.ndarray
) -> np.ndarray:
    """Return the positions of the boxes that one box overlaps."""
    return np.flatnonzero((np.maximum(start, starts) < np.minimum(stop, stops)).all(axis=1))


def _cells(
    low: np.ndarray, high: np.ndarray, boxes: np.ndarray, grid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return every cell from the lowest to the highest of some boxes, and which box it is of."""
    spread = high - low + 1
    count = spread[boxes].prod(axis=1)
    box = np.repeat(boxes, count)
    step, cell, stride = _ranges(count), np.zeros(len(box), np.int64), 1
    for axis in range(low.shape[1]):
        cell += (low[box, axis] + step % spread[box, axis]) * stride
        step, stride = step // spread[box, axis], stride * int(grid[axis])
    return box, cell


def _ranges(counts: np.ndarray) -> np.ndarray:
    """Return 0 … n - 1 for each n of ``counts``, one after the other."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
