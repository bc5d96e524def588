"""Bounding boxes of objects, and the few pairs of them that overlap well.

A box is ``(*start, *stop)`` in pixels, half open as slices are: that of a single pixel at (3, 5)
is (3, 5, 4, 6), and its area is 1.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

_CHUNK = 1 << 14  # boxes at a time, so that the candidates stay few


def boxes_of(labels: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Return the bounding box of each object of a label map.

    Parameters
    ----------
    labels : integer array, any number of axes
        0 for background.
    ids : (n,) integer array
        Which objects.

    Returns
    -------
    (n, 2 * axes) int64 array
        ``(*start, *stop)`` in pixels; zeros for an id that does not occur.
    """
    labels, ids = np.asarray(labels), np.asarray(ids, dtype=np.int64)
    if labels.size and int(labels.max()) > 2 * labels.size:  # the list below would be very long
        found, inverse = np.unique(labels, return_inverse=True)
        at = np.searchsorted(found, ids).clip(max=found.size - 1)
        ids, labels = np.where(found[at] == ids, at + 1, 0), inverse.reshape(labels.shape) + 1
    slices = ndimage.find_objects(labels)
    boxes = np.zeros((ids.size, 2 * labels.ndim), dtype=np.int64)
    for row, number in zip(boxes, ids.tolist(), strict=True):
        box = slices[number - 1] if 0 < number <= len(slices) else None
        if box is not None:
            row[:] = [*(axis.start for axis in box), *(axis.stop for axis in box)]
    return boxes


def box_areas(boxes: np.ndarray) -> np.ndarray:
    """Return the pixels that each box (n, 2 * axes) holds, (n,) int64."""
    axes = boxes.shape[1] // 2
    return np.prod(boxes[:, axes:] - boxes[:, :axes], axis=1)


def box_pairs(true: np.ndarray, pred: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs of boxes whose intersection is at least half of their union.

    Along each axis the intersection is then at least half of the union, too, which leaves few
    candidates: a true box starts no further before the predicted one than this is long, and no
    further behind than half of that. No (n × m) array is made.

    Parameters
    ----------
    true, pred : (n, 2 * axes) and (m, 2 * axes) integer arrays
        ``(*start, *stop)`` in pixels.

    Returns
    -------
    rows, cols : (k,) int64 arrays
        Positions in ``true`` and ``pred``, sorted by ``rows``, then ``cols``.
    ious : (k,) float64 array
    """
    axes = true.shape[1] // 2
    if not len(true) or not len(pred):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    axis = int(np.argmax(np.ptp(true[:, :axes], axis=0)))  # along which they lie widest apart
    order = np.argsort(true[:, axis], kind="stable")
    starts, found = true[order, axis], []
    for first in range(0, len(pred), _CHUNK):
        part = pred[first : first + _CHUNK]
        length = part[:, axes + axis] - part[:, axis]
        low = np.searchsorted(starts, part[:, axis] - length, side="left")
        high = np.searchsorted(starts, part[:, axis] + length // 2, side="right")
        count = high - low
        cols = np.repeat(np.arange(len(part)), count)
        offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        rows = order[np.repeat(low, count) + offset]
        ious = _ious(true[rows], part[cols])
        good = ious >= 0.5
        found.append((rows[good], cols[good] + first, ious[good]))
    rows, cols, ious = (np.concatenate(column) for column in zip(*found, strict=True))
    by_row = np.lexsort((cols, rows))
    return rows[by_row], cols[by_row], ious[by_row]


def _ious(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    axes = one.shape[1] // 2
    start = np.maximum(one[:, :axes], other[:, :axes])
    stop = np.minimum(one[:, axes:], other[:, axes:])
    shared = np.prod((stop - start).clip(min=0), axis=1)
    return shared / (box_areas(one) + box_areas(other) - shared)
