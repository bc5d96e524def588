"""Gradient flows: a vector in every pixel of an object that leads towards its centre.

Stringer, Wang, Michaelos, Pachitariu, *Cellpose: a generalist algorithm for cellular
segmentation*, Nature Methods 18, 2021, https://doi.org/10.1038/s41592-020-01018-x: heat
spreads from the centre of an object within it, and the flow is the heat's normalised gradient.
To decode, every foreground pixel follows the flow; pixels that end together are one object.

Any number of axes. Departures from the paper's implementation: an object of several pieces has
a centre in each of them, since no flow leads from one to the other; endpoints are gathered by
a watershed of their histogram.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy import ndimage
from skimage.measure import label as label_values
from skimage.segmentation import watershed

from septum.compiled import compiled

STEPS = 200
"""Steps of one pixel at most that a pixel follows the flow; the paper's number."""
LEAST_POINTS = 3
"""Endpoints in one pixel that may start an object; smaller objects cannot be told from noise."""
REACH = 5
"""Endpoints up to so many pixels from the peak of an object belong to it; the paper's number."""
STILL = 1e-6
"""Squared length of a step, in pixels, below which a point has arrived."""
EVEN = 1e-9
"""Difference of heat, relative to the heat, below which there is no slope."""
MAX_ERROR = 0.4
"""Mean squared difference between given and recomputed flow above which an object is dropped."""


def flow_targets(instance: np.ndarray) -> np.ndarray:
    """Return the flow of every pixel.

    Parameters
    ----------
    instance : (*spatial) integer array
        Instance ids, 0 for none.

    Returns
    -------
    (ndim, *spatial) float32 array
        Unit vectors, in pixels along each axis; 0 outside objects, and in pixels where heat
        falls off alike on all sides.
    """
    instance = np.asarray(instance)
    pieces = label_values(instance, connectivity=instance.ndim, background=0)
    framed = np.pad(pieces, 1).astype(np.int32)  # so that every object pixel has all neighbours
    ids = framed.ravel()
    pixels = np.flatnonzero(ids)
    pixels = pixels[np.argsort(ids[pixels], kind="stable")]
    ends = np.cumsum(np.bincount(ids)[1:])
    steps = np.array([2 * sum(s.stop - s.start for s in b) for b in ndimage.find_objects(framed)])
    strides = np.array(framed.strides) // framed.itemsize
    around = np.array(list(itertools.product((-1, 0, 1), repeat=framed.ndim))) @ strides
    places = np.stack(np.unravel_index(pixels, framed.shape)).astype(np.float64)
    heat = np.zeros(ids.size)
    _diffuse(ids, pixels, ends, steps.astype(np.int64), places, around, heat)
    # far from the centre heat is next to nothing, so that only its direction can be used
    heat = np.log1p(heat)
    flows = np.zeros((framed.ndim, ids.size))
    falls = np.array([_fall(heat, ids, pixels, stride) for stride in strides])
    falls[np.abs(falls) < EVEN * heat[pixels]] = 0  # rounding is no direction
    flows[:, pixels] = falls / np.maximum(np.linalg.norm(falls, axis=0), np.finfo(float).tiny)
    inside = (slice(None), *(slice(1, -1),) * framed.ndim)
    return flows.reshape(-1, *framed.shape)[inside].astype(np.float32)


def _fall(heat: np.ndarray, ids: np.ndarray, pixels: np.ndarray, stride: int) -> np.ndarray:
    """Return the central difference of heat along an axis; it is 0 in other objects."""
    ahead = np.where(ids[pixels + stride] == ids[pixels], heat[pixels + stride], 0)
    behind = np.where(ids[pixels - stride] == ids[pixels], heat[pixels - stride], 0)
    return ahead - behind


@compiled
def _diffuse(
    ids: np.ndarray,
    pixels: np.ndarray,
    ends: np.ndarray,
    steps: np.ndarray,
    places: np.ndarray,
    around: np.ndarray,
    heat: np.ndarray,
) -> None:
    """Heat the middle pixel of every piece and average over neighbours, step by step.

    Parameters
    ----------
    ids : (size,) number of each pixel's piece
    pixels : (n,) flat positions, those of a piece together
    ends : end of each piece in ``pixels``
    steps : of each piece
    places : (ndim, n) coordinates of ``pixels``
    around : flat offsets of a pixel's neighbours and of itself
    heat : (size,), zeros; written
    """
    number = np.zeros(len(ids), np.int32)  # of a pixel within its piece
    start = 0
    for piece in range(len(ends)):
        end = ends[piece]
        count = end - start
        away = np.zeros(count)
        for axis in range(len(places)):
            away += (places[axis, start:end] - places[axis, start:end].mean()) ** 2
        middle = np.argmin(away)
        for i in range(count):
            number[pixels[start + i]] = i
        table = np.empty((count, len(around)), np.int32)
        for i in range(count):
            here = pixels[start + i]
            for k in range(len(around)):
                there = here + around[k]
                table[i, k] = number[there] if ids[there] == ids[here] else count
        now, then = np.zeros(count + 1), np.zeros(count + 1)  # the last is outside: always cold
        for _ in range(steps[piece]):
            now[middle] += 1.0
            for i in range(count):
                total = 0.0
                for k in range(len(around)):
                    total += now[table[i, k]]
                then[i] = total / len(around)
            now, then = then, now
        for i in range(count):
            heat[pixels[start + i]] = now[i]
        start = end


def follow_flows(flows: np.ndarray, foreground: np.ndarray) -> np.ndarray:
    """Return the instances that pixels belong to which end in the same place.

    Parameters
    ----------
    flows : (ndim, *spatial) float array
        Towards the centres, in pixels; shorter vectors where the direction is in doubt.
    foreground : (*spatial) bool array
        Pixels that belong to some object.

    Returns
    -------
    (*spatial) int32 array
        1 … n, 0 where a pixel's path ends in no object. Objects whose flow does not look like
        that of their shape are dropped (mean squared difference above `MAX_ERROR`).
    """
    shape = foreground.shape
    pixels = np.stack(np.nonzero(foreground))
    if not pixels.size:
        return np.zeros(shape, np.int32)
    field = np.ascontiguousarray(np.where(foreground, flows, 0), np.float32)
    ends = pixels.astype(np.float32)
    _follow(field.reshape(len(shape), -1), np.array(shape), ends, STEPS)
    ends = np.rint(ends).astype(np.intp)
    count = np.zeros(shape, np.int32)
    np.add.at(count, tuple(ends), 1)
    labels = np.zeros(shape, np.int32)
    labels[tuple(pixels)] = _gather(count)[tuple(ends)]
    return _drop_unlike(labels, field)


def _gather(count: np.ndarray) -> np.ndarray:
    """Label the pixels in which endpoints gather, from their number in each pixel."""
    near = ndimage.maximum_filter(count, size=REACH)
    peaks = (count == near) & (count >= LEAST_POINTS)
    # neighbouring pixels of one height are one peak
    seeds, _ = ndimage.label(peaks, np.ones((3,) * count.ndim))
    away = ndimage.distance_transform_edt(seeds == 0) if seeds.any() else np.inf
    return watershed(-count, seeds, mask=(count > 0) & (away <= REACH), connectivity=count.ndim)


def _drop_unlike(labels: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Remove objects whose flow is not that of their shape, and number the others anew."""
    error = ((flow_targets(labels) - field) ** 2).sum(axis=0)
    size = np.bincount(labels.ravel())
    mean = np.bincount(labels.ravel(), error.ravel()) / np.maximum(size, 1)
    kept = (mean <= MAX_ERROR) & (size > 0)
    kept[0] = False
    return np.where(kept, np.cumsum(kept), 0).astype(np.int32)[labels]


@compiled
def _follow(field: np.ndarray, shape: np.ndarray, places: np.ndarray, steps: int) -> None:
    """Move points along a vector field, interpolated linearly; they stop at the border.

    Parameters
    ----------
    field : (ndim, size) float32
    shape : (ndim,) spatial shape
    places : (ndim, n) float32 coordinates; changed in place
    steps : int
    """
    ndim = len(shape)
    low, part, move = np.empty(ndim, np.int64), np.empty(ndim), np.empty(ndim)
    for point in range(places.shape[1]):
        for _ in range(steps):
            for axis in range(ndim):
                low[axis] = min(int(places[axis, point]), max(shape[axis] - 2, 0))
                part[axis] = places[axis, point] - low[axis]
            move[:] = 0.0
            for corner in range(2**ndim):
                share, index = 1.0, 0
                for axis in range(ndim):
                    upper = (corner >> axis) & 1
                    share *= part[axis] if upper else 1.0 - part[axis]
                    index = index * shape[axis] + min(low[axis] + upper, shape[axis] - 1)
                if share > 0.0:
                    for axis in range(ndim):
                        move[axis] += share * field[axis, index]
            if (move**2).sum() < STILL:
                break
            for axis in range(ndim):
                there = places[axis, point] + move[axis]
                places[axis, point] = min(max(there, 0.0), shape[axis] - 1.0)
