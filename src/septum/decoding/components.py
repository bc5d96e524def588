"""Decoding by connected components of the class probabilities.

Pixels that the training target removes from objects to separate them are restored: the one-pixel
ridge between touching objects for the semantic head
(`septum.instances.touching.separate_touching`), and the one-pixel inner boundary for the border
head.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage
from skimage.measure import label as label_values

from septum.config.registry import Number
from septum.decoding.base import THRESHOLDS, MapMethod, Maps, Tuning


class Components(MapMethod):
    """Connected components.

    ``threshold`` is the probability above which a pixel belongs to an object.
    """

    @staticmethod
    def tuning(spatial_dims: int) -> dict[str, Tuning]:
        """Return how ``threshold`` is tuned."""
        return {"threshold": Tuning(0.5, THRESHOLDS)}

    @staticmethod
    def label(maps: Maps, parameters: Mapping[str, Number]) -> tuple[np.ndarray, np.ndarray]:
        """Return the components and the class of each (see `MapMethod.label`)."""
        threshold = parameters["threshold"]
        labels, channels = connected_components(maps.inside > threshold, maps)
        if maps.has_border:
            return grow(labels, maps.foreground > threshold), channels
        return close_ridges(labels), channels


def connected_components(core: np.ndarray, maps: Maps) -> tuple[np.ndarray, np.ndarray]:
    """Label the connected components of each class.

    Pixels are connected through faces, so that a diagonal pair of pixels does not merge objects.

    Parameters
    ----------
    core : (*spatial) bool array
        Pixels inside an object.
    maps : Maps
        The class of a pixel is the most probable of the things.

    Returns
    -------
    labels : (*spatial) int32 array
        1 … n.
    channels : (n,) int array
        Channel of the class of each component.

    Examples
    --------
    >>> core = np.array([True, True, False, True])
    >>> maps = Maps(np.ones((2, 4)), np.empty((0, 4), np.float32), things=(1,))
    >>> connected_components(core, maps)
    (array([1, 1, 0, 2], dtype=int32), array([1, 1]))
    """
    if not maps.things:
        return np.zeros(core.shape, np.int32), np.zeros(0, int)
    if len(maps.things) == 1:
        labels, count = ndimage.label(core)
        return labels, np.full(count, maps.things[0])
    things = list(maps.things)
    channel = np.asarray(things)[np.argmax(maps.probabilities[things], axis=0)]
    labels, count = label_values(np.where(core, channel, 0), connectivity=1, return_num=True)
    channel_of = np.zeros(count + 1, int)
    channel_of[labels[core]] = channel[core]
    return labels.astype(np.int32, copy=False), channel_of[1:]


def grow(labels: np.ndarray, body: np.ndarray) -> np.ndarray:
    """Grow instances within the body, without overlap.

    They grow through faces by as many steps as there are axes, which is enough to reach the
    corner of a box from its inside.

    Parameters
    ----------
    labels : (*spatial) integer array
    body : (*spatial) bool array

    Returns
    -------
    (*spatial) integer array

    Examples
    --------
    >>> grow(np.array([0, 0, 1, 0, 0, 0]), np.array([1, 1, 1, 1, 1, 0], bool)).tolist()
    [0, 1, 1, 1, 0, 0]
    """
    faces = ndimage.generate_binary_structure(labels.ndim, 1)
    for _ in range(labels.ndim):
        grown = ndimage.maximum_filter(labels, footprint=faces)
        labels = np.where((labels == 0) & body, grown, labels)
    return labels


def close_ridges(labels: np.ndarray) -> np.ndarray:
    """Fill the one-pixel gaps between instances.

    A pixel is given to the smaller id, from which the training target removed it.

    Parameters
    ----------
    labels : (*spatial) integer array

    Returns
    -------
    (*spatial) int32 array

    Examples
    --------
    >>> close_ridges(np.array([1, 1, 0, 2, 2, 0, 0, 3])).tolist()
    [1, 1, 1, 2, 2, 0, 0, 3]
    """
    highest = ndimage.maximum_filter(labels, size=3)
    # without background, which has become the highest of all
    lowest = ndimage.minimum_filter(labels.astype(np.uint32) - np.uint32(1), size=3)
    lowest += np.uint32(1)
    ridge = (labels == 0) & (highest > 0) & (lowest != highest)
    return np.where(ridge, lowest, labels).astype(np.int32, copy=False)
