"""Decoding of gradient flows: pixels that follow the flow to the same place are one object.

This is the decoder of Cellpose (the paper is cited in `septum.heads.flows`), for any number of
axes. Departures from the paper's implementation: endpoints are grouped by a watershed of their
histogram. Images are not resized to a mean object diameter of 30 pixels, so that pixels may take
more steps.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

from septum.config.registry import Number
from septum.decoding.base import THRESHOLDS, MapMethod, Maps, Tuning, likeliest_channels
from septum.heads.flows import flow_targets
from septum.instances.relabel import keep_objects
from septum.jit import compiled

MAX_STEPS = 200
"""Largest number of steps of at most one pixel that a pixel follows the flow, as in the paper.
Afterwards it takes as many again while it makes progress, for long objects, and in total at most
twice the longest side of the image."""
MIN_PROGRESS_PX = 20
"""Distance that a pixel must move in `MAX_STEPS` steps to continue, since it may circle endlessly
where the flow is uncertain."""
MIN_ENDPOINTS = 3
"""Smallest number of endpoints in the peak pixel of an object; fewer are taken for noise."""
MAX_PEAK_DISTANCE_PX = 5
"""Largest distance of an endpoint from the peak of its object, as in the paper."""
MIN_SQUARED_STEP = 1e-6
"""Squared length of a step, in pixels, below which a point stops."""
FLOW_ERRORS = (0.4, 0.6, 0.8, 1.2)
"""Largest flow errors that are tried; the first one is that of the paper."""


class Flows(MapMethod):
    """Grouping of pixels that follow the flows to the same place.

    ``threshold`` is the probability above which a pixel belongs to an object, ``flow_error`` the
    largest difference between the flow of an object and that of its shape (`follow_flows`).
    """

    @staticmethod
    def tuning(spatial_dims: int) -> dict[str, Tuning]:
        """Return how ``threshold`` and ``flow_error`` are tuned."""
        return {"threshold": Tuning(0.5, THRESHOLDS), "flow_error": Tuning(0.4, FLOW_ERRORS)}

    @staticmethod
    def label(maps: Maps, parameters: Mapping[str, Number]) -> tuple[np.ndarray, np.ndarray]:
        """Return the objects and the class of each (see `MapMethod.label`)."""
        body = maps.foreground > parameters["threshold"]
        labels = follow_flows(maps.regressed, body, max_error=parameters["flow_error"])
        return labels, likeliest_channels(labels, maps)


def follow_flows(
    flows: np.ndarray, foreground: np.ndarray, *, max_error: float = 0.4
) -> np.ndarray:
    """Return the instances whose pixels follow the flows to the same place.

    Parameters
    ----------
    flows : (ndim, *spatial) float array
        Vectors towards the centres, in pixels, which are shorter where their direction is
        uncertain.
    foreground : (*spatial) bool array
        Pixels that belong to some object.
    max_error : float
        Mean squared difference between the flow of an object and that of its shape above which
        it is dropped, 0.4 in the paper. Networks with coarse features predict short vectors,
        whose difference is large even if their direction is right.

    Returns
    -------
    (*spatial) int32 array
        Ids 1 … n, 0 for pixels that end at no object.

    Examples
    --------
    >>> flows = np.array([[1.0, 0.0, -1.0, 1.0, 0.0, -1.0]])
    >>> follow_flows(flows, np.ones(6, bool))
    array([1, 1, 1, 2, 2, 2], dtype=int32)
    """
    shape = foreground.shape
    pixels = np.stack(np.nonzero(foreground))
    if not pixels.size:
        return np.zeros(shape, np.int32)
    field = np.ascontiguousarray(np.where(foreground, flows, 0), np.float32)
    ends = pixels.astype(np.float32)
    steps = max(MAX_STEPS, 2 * max(shape))
    _follow(field.reshape(len(shape), -1), np.array(shape), ends, steps)
    ends = np.rint(ends).astype(np.intp)
    count = np.zeros(shape, np.int32)
    np.add.at(count, tuple(ends), 1)
    labels = np.zeros(shape, np.int32)
    labels[tuple(pixels)] = _gather(count)[tuple(ends)]
    return _drop_unlike(labels, field, max_error)


def _gather(count: np.ndarray) -> np.ndarray:
    """Group endpoints into objects, given their number in each pixel."""
    near = ndimage.maximum_filter(count, size=MAX_PEAK_DISTANCE_PX)
    peaks = (count == near) & (count >= MIN_ENDPOINTS)
    # neighbouring pixels with equal numbers are one peak
    seeds, _ = ndimage.label(peaks, np.ones((3,) * count.ndim))
    away = ndimage.distance_transform_edt(seeds == 0) if seeds.any() else np.inf
    basin = (count > 0) & (away <= MAX_PEAK_DISTANCE_PX)
    return watershed(-count, seeds, mask=basin, connectivity=count.ndim)


def _drop_unlike(labels: np.ndarray, field: np.ndarray, max_error: float) -> np.ndarray:
    """Remove objects whose flow differs from that of their shape, and renumber the others."""
    error = ((flow_targets(labels) - field) ** 2).sum(axis=0)
    size = np.bincount(labels.ravel())
    mean = np.bincount(labels.ravel(), error.ravel()) / np.maximum(size, 1)
    kept_ids = 1 + np.flatnonzero((mean <= max_error)[1:] & (size > 0)[1:])
    return keep_objects(labels, kept_ids).astype(np.int32)


@compiled
def _follow(field: np.ndarray, shape: np.ndarray, places: np.ndarray, steps: int) -> None:
    """Move points along a vector field, interpolated linearly; they stop at the border.

    Parameters
    ----------
    field : (ndim, size) float32
    shape : (ndim,) spatial shape
    places : (ndim, n) float32 coordinates; changed in place
    steps : int
        Largest number of steps; a point may stop earlier (`MIN_SQUARED_STEP`, `MIN_PROGRESS_PX`).
    """
    ndim = len(shape)
    low, fraction, move = np.empty(ndim, np.int64), np.empty(ndim), np.empty(ndim)
    before = np.empty(ndim)
    for point in range(places.shape[1]):
        before[:] = places[:, point]
        for step in range(1, steps + 1):
            for axis in range(ndim):
                low[axis] = min(int(places[axis, point]), max(shape[axis] - 2, 0))
                fraction[axis] = places[axis, point] - low[axis]
            move[:] = 0.0
            for corner in range(2**ndim):
                share, index = 1.0, 0
                for axis in range(ndim):
                    upper = (corner >> axis) & 1
                    share *= fraction[axis] if upper else 1.0 - fraction[axis]
                    index = index * shape[axis] + min(low[axis] + upper, shape[axis] - 1)
                if share > 0.0:
                    for axis in range(ndim):
                        move[axis] += share * field[axis, index]
            if (move**2).sum() < MIN_SQUARED_STEP:
                break
            for axis in range(ndim):
                moved = places[axis, point] + move[axis]
                places[axis, point] = min(max(moved, 0.0), shape[axis] - 1.0)
            if step % MAX_STEPS == 0:
                if ((places[:, point] - before) ** 2).sum() < MIN_PROGRESS_PX**2:
                    break
                before[:] = places[:, point]
