"""Bounding boxes of objects, and the few pairs of them that overlap well.

A box is ``(*start, *stop)`` in pixels, half open as slices are: that of a single pixel at (3, 5)
is (3, 5, 4, 6), and its area is 1.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from septum.instances.box_overlap import overlapping_boxes


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

    Examples
    --------
    >>> boxes_of(np.array([[0, 7, 7], [7, 0, 0]]), np.array([7, 9]))
    array([[0, 0, 2, 3],
           [0, 0, 0, 0]])
    """
    labels, ids = np.asarray(labels), np.asarray(ids, dtype=np.int64)
    if labels.size and int(labels.max()) > 2 * labels.size:  # the list below would be very long
        present, inverse = np.unique(labels, return_inverse=True)
        at = np.searchsorted(present, ids).clip(max=present.size - 1)
        ids, labels = np.where(present[at] == ids, at + 1, 0), inverse.reshape(labels.shape) + 1
    slices = ndimage.find_objects(labels)
    boxes = np.zeros((ids.size, 2 * labels.ndim), dtype=np.int64)
    for row, number in zip(boxes, ids.tolist(), strict=True):
        box = slices[number - 1] if 0 < number <= len(slices) else None
        if box is not None:
            row[:] = [*(axis.start for axis in box), *(axis.stop for axis in box)]
    return boxes


def box_areas(boxes: np.ndarray) -> np.ndarray:
    """Return the pixels that each box holds.

    Parameters
    ----------
    boxes : (n, 2 * axes) integer array
        ``(*start, *stop)`` in pixels.

    Returns
    -------
    (n,) int64 array

    Examples
    --------
    >>> box_areas(np.array([[0, 0, 2, 3], [4, 4, 4, 9]]))
    array([6, 0])
    """
    axes = boxes.shape[1] // 2
    return np.prod(boxes[:, axes:] - boxes[:, :axes], axis=1)


def box_pairs(true: np.ndarray, pred: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs of boxes whose intersection is at least half of their union.

    Parameters
    ----------
    true, pred : (n, 2 * axes) and (m, 2 * axes) integer arrays
        ``(*start, *stop)`` in pixels.

    Returns
    -------
    rows, cols : (k,) int64 arrays
        Positions in ``true`` and ``pred``, sorted by ``rows``, then ``cols``.
    ious : (k,) float64 array

    Examples
    --------
    >>> box_pairs(np.array([[0, 4], [6, 8]]), np.array([[1, 5], [8, 9]]))
    (array([0]), array([0]), array([0.6]))
    """
    axes = true.shape[1] // 2
    corners = ((boxes[:, :axes], boxes[:, axes:]) for boxes in (true, pred))
    rows, cols = overlapping_boxes(*corners).T
    ious = _ious(true[rows], pred[cols])
    good = ious >= 0.5
    return rows[good], cols[good], ious[good]


def _ious(true: np.ndarray, pred: np.ndarray) -> np.ndarray:
    """Return the IoU of each true box with the predicted box of the same row."""
    axes = true.shape[1] // 2
    start = np.maximum(true[:, :axes], pred[:, :axes])
    stop = np.minimum(true[:, axes:], pred[:, axes:])
    shared = np.prod(stop - start, axis=1)
    return shared / (box_areas(true) + box_areas(pred) - shared)
