"""Which boxes of two lists meet, without comparing each with each.

Boxes that share a pixel share a cell of a grid, and only those that share a cell are compared:
an (ones × others) array would grow with the square of the objects.
"""

from __future__ import annotations

import numpy as np

Boxes = tuple[np.ndarray, np.ndarray]


def meeting(ones: Boxes, others: Boxes) -> list[tuple[int, int]]:
    """Return which boxes of two lists share a pixel.

    Parameters
    ----------
    ones, others : (starts, stops), each an (n, axes) integer array
        First pixel, and the pixel after the last; starts not below 0. A box that stops where it
        starts, or before, is empty and meets nothing.

    Returns
    -------
    list of (int, int)
        Positions in both lists, sorted.
    """
    full = [np.flatnonzero((start < stop).all(axis=1)) for start, stop in (ones, others)]
    if not full[0].size or not full[1].size:
        return []
    start, stop = (corner[full[0]] for corner in ones)
    begin, end = (corner[full[1]] for corner in others)
    # cells as large as the boxes are on average
    edge = np.ceil(np.concatenate([stop - start, end - begin]).mean(axis=0)).astype(np.int64)
    grid = np.maximum(stop.max(axis=0), end.max(axis=0)) // edge + 1
    one, cell = _cells(start // edge, (stop - 1) // edge, grid)
    other, place = _cells(begin // edge, (end - 1) // edge, grid)
    order = np.argsort(place, kind="stable")
    first = np.searchsorted(place[order], cell, side="left")
    count = np.searchsorted(place[order], cell, side="right") - first
    a = np.repeat(one, count)
    b = other[order[np.repeat(first, count) + _counted(count)]]
    meet = (np.maximum(start[a], begin[b]) < np.minimum(stop[a], end[b])).all(axis=1)
    # those that share several cells were found in each
    pairs = np.unique(np.stack([full[0][a[meet]], full[1][b[meet]]], axis=1), axis=0)
    return [(int(a), int(b)) for a, b in pairs]


def _cells(first: np.ndarray, last: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return every cell from the first to the last of each box, and which box it is of."""
    spread = last - first + 1
    count = spread.prod(axis=1)
    box = np.repeat(np.arange(len(first)), count)
    step, cell, stride = _counted(count), np.zeros(len(box), np.int64), 1
    for a in range(first.shape[1]):
        cell += (first[box, a] + step % spread[box, a]) * stride
        step, stride = step // spread[box, a], stride * int(grid[a])
    return box, cell


def _counted(count: np.ndarray) -> np.ndarray:
    """Return 0 … n - 1 for each n of ``count``, one after the other."""
    return np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
