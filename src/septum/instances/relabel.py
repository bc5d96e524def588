"""Remove objects from an instance map and number those that are kept without gaps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def keep_objects(labels: np.ndarray, ids: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return the labels with the given objects only, numbered 1 … n in the order given.

    Parameters
    ----------
    labels : integer array
        Instance map of any number of axes, 0 for background, no negative values.
    ids : sequence of int
        The objects to keep, each once. Ids that no pixel has are numbered, too.

    Returns
    -------
    uint32 array of the shape of ``labels``

    Examples
    --------
    >>> keep_objects(np.array([1, 1, 0, 2, 3, 3]), [3, 1])
    array([2, 2, 0, 0, 1, 1], dtype=uint32)
    """
    ids = np.asarray(ids, np.intp)
    number = np.zeros(max(labels.max(initial=0), ids.max(initial=0)) + 1, np.uint32)
    number[ids] = np.arange(1, len(ids) + 1)
    return number[labels]


def drop_small(labels: np.ndarray, min_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Remove objects of few pixels and number the others 1 … n in the order of their ids.

    Parameters
    ----------
    labels : integer array
        Instance map of any number of axes, 0 for background, no negative values.
    min_size : int
        Objects of fewer pixels are removed; with 0 or 1, only gaps between the ids are closed.

    Returns
    -------
    labels : uint32 array of the shape of ``labels``
    kept : integer array (n,)
        The former ids of the objects that are kept, ascending.

    Examples
    --------
    >>> labels, kept = drop_small(np.array([1, 1, 0, 2, 5, 5]), min_size=2)
    >>> labels
    array([1, 1, 0, 0, 2, 2], dtype=uint32)
    >>> kept
    array([1, 5])
    """
    sizes = np.bincount(labels.ravel(), minlength=1)
    kept = 1 + np.flatnonzero(sizes[1:] >= max(1, min_size))
    return keep_objects(labels, kept), kept


def number_in_raster_order(labels: np.ndarray) -> np.ndarray:
    """Return the labels with objects numbered 1 … n in the order of their first pixels.

    Parameters
    ----------
    labels : integer array
        Instance map of any number of axes, 0 for background, no negative values.

    Returns
    -------
    uint32 array of the shape of ``labels``

    Examples
    --------
    >>> number_in_raster_order(np.array([[0, 7, 7], [2, 2, 7]]))
    array([[0, 1, 1],
           [2, 2, 1]], dtype=uint32)
    """
    ids, first = np.unique(labels, return_index=True)
    objects = ids > 0
    return keep_objects(labels, ids[objects][np.argsort(first[objects])])
