"""Decoding of star-convex objects by non-maximum suppression.

The rays of every pixel span a polygon (polyhedron), a proposal whose probability is the depth of
the pixel in the object. The papers are cited in `septum.heads.stardist`. Departures from them:
only pixels that are more probable than their neighbours make proposals. Foreground pixels that no
star covers are added to the nearest object, so that objects have the outline of the foreground
and not the corners of a polygon.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull
from skimage.segmentation import watershed

from septum.config.registry import Number
from septum.decoding.base import (
    SEED_THRESHOLDS,
    THRESHOLDS,
    MapMethod,
    Maps,
    Tuning,
    likeliest_channels,
)
from septum.heads.stardist import RAYS, directions
from septum.jit import compiled

MIN_RAY_PX = 0.5
"""Smallest length of a ray in pixels, so that an object holds at least the pixel of its centre."""
MAX_STAR_OVERLAP = 0.4
"""Share of a star that a more probable one may cover, as in the StarDist paper."""


class Stars(MapMethod):
    """Non-maximum suppression of star-convex proposals.

    ``threshold`` is the probability above which a pixel belongs to an object;
    ``seed_threshold`` the probability above which a pixel proposes a star.
    """

    @staticmethod
    def tuning(spatial_dims: int) -> dict[str, Tuning]:
        """Return how ``threshold`` and ``seed_threshold`` are tuned."""
        return {
            "threshold": Tuning(0.5, THRESHOLDS),
            "seed_threshold": Tuning(0.7, SEED_THRESHOLDS),
        }

    @staticmethod
    def label(maps: Maps, parameters: Mapping[str, Number]) -> tuple[np.ndarray, np.ndarray]:
        """Return the stars and the class of each (see `MapMethod.label`)."""
        labels = draw_stars(
            maps.regressed[0],
            maps.regressed[1:],
            maps.foreground > parameters["threshold"],
            threshold=parameters["seed_threshold"],
            overlap=MAX_STAR_OVERLAP,
            spacing=maps.spacing,
        )
        return labels, likeliest_channels(labels, maps)


def draw_stars(
    probability: np.ndarray,
    lengths: np.ndarray,
    foreground: np.ndarray,
    *,
    threshold: float,
    overlap: float,
    spacing: Sequence[float] | None = None,
) -> np.ndarray:
    """Return the objects of the most probable stars.

    Parameters
    ----------
    probability : (*spatial) float array
        Probability of being deep inside an object.
    lengths : (RAYS[ndim], *spatial) float array
        Lengths of rays, as in `star_targets`.
    foreground : (*spatial) bool array
        Pixels that belong to some object.
    threshold : float
        Probability above which a pixel proposes a star.
    overlap : float
        A star is dropped if a more probable one covers more than this share of it, or if it
        covers more than this share of a more probable one.
    spacing : sequence of float, optional
        Size of a pixel along each axis, as in `star_targets`.

    Returns
    -------
    (*spatial) int32 array
        Ids from 1 by falling probability, with a gap for each star that lies wholly outside the
        foreground; 0 for none.

    Examples
    --------
    A star of rays of one pixel around (1, 1) covers the pixel and its neighbours through faces; the
    rest of the foreground that touches it is given to it.

    >>> probability = np.zeros((3, 5))
    >>> probability[1, 1] = 0.9
    >>> foreground = np.array([[0, 1, 0, 0, 0], [1, 1, 1, 1, 0], [0, 1, 0, 0, 0]], bool)
    >>> draw_stars(probability, np.ones((32, 3, 5)), foreground, threshold=0.5, overlap=0.3)
    array([[0, 1, 0, 0, 0],
           [1, 1, 1, 1, 0],
           [0, 1, 0, 0, 0]], dtype=int32)
    """
    if spacing is None:
        spacing = (1.0,) * probability.ndim
    places = _proposals(probability, threshold)
    lengths = np.maximum(lengths[(slice(None), *places)].T, MIN_RAY_PX).astype(np.float64)
    if not len(lengths):
        return np.zeros(probability.shape, np.int32)
    steps = np.asarray(spacing) / min(spacing)
    # the extent of a star is limited by its longest ray and by the image
    reach = np.minimum(np.floor(lengths.max() / steps), probability.shape).astype(np.int64)
    labels = np.zeros(probability.shape, np.int32)
    _paint(
        labels.ravel(),
        np.array(labels.shape),
        np.stack(places, axis=1),
        lengths,
        overlap,
        steps,
        reach,
        *_cones(labels.ndim),
    )
    labels[~foreground] = 0
    near = ndimage.distance_transform_edt(labels == 0) if labels.any() else np.zeros(labels.shape)
    return watershed(near, labels, mask=foreground).astype(np.int32)


def _proposals(probability: np.ndarray, threshold: float) -> tuple[np.ndarray, ...]:
    """Return the positions of local maxima, by falling probability, then in raster order."""
    peaks = probability == ndimage.maximum_filter(probability, size=3)
    places = np.nonzero(peaks & (probability > threshold))
    order = np.argsort(-probability[places], kind="stable")
    return tuple(axis[order] for axis in places)


@cache
def _cones(ndim: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the cones between neighbouring rays that fill all directions.

    Returns
    -------
    rays : (n, ndim) int array
        Indices of the rays at the edges of each cone.
    inverse : (n, ndim, ndim) float array
        Matrices that map a vector to its coordinates along these rays, which are all positive
        within the cone.
    """
    if ndim == 2:
        first = np.arange(RAYS[2])
        rays = np.stack([first, (first + 1) % RAYS[2]], axis=1)
    else:
        rays = ConvexHull(directions(ndim)).simplices.astype(np.int64)
    edges = directions(ndim)[rays]
    return rays, np.linalg.inv(edges.transpose(0, 2, 1))


@compiled
def _paint(
    labels: np.ndarray,
    shape: np.ndarray,
    places: np.ndarray,
    lengths: np.ndarray,
    overlap: float,
    steps: np.ndarray,
    reach: np.ndarray,
    rays: np.ndarray,
    inverse: np.ndarray,
) -> None:
    """Paint stars in their order into pixels without a label; skip those that overlap too much.

    Parameters
    ----------
    labels : (size,) int32, zeros; written
    shape : (ndim,)
    places : (n, ndim) int centres
    lengths : (n, R)
    overlap : share of the smaller of two stars that may be common
    steps : (ndim,) pixel size, in the unit of ``lengths``
    reach : (ndim,) pixels to look at, on each side of a centre
    rays, inverse : as `_cones` gives them
    """
    ndim = len(shape)
    cone_of = _cone_table(reach, steps, inverse)
    n_offsets = len(cone_of)
    sizes = np.zeros(len(places) + 1, np.int64)  # of each painted star, hidden parts included
    common = np.zeros(len(places) + 1, np.int64)
    inside = np.empty(n_offsets, np.int64)
    vector, count = np.empty(ndim), 0
    box = np.empty(ndim, np.int64)
    for star in range(len(places)):
        longest = lengths[star].max()
        for axis in range(ndim):
            box[axis] = min(reach[axis], int(longest / steps[axis]))
        size = 0
        n_box = 1
        for axis in range(ndim):
            n_box *= 2 * box[axis] + 1
        for number in range(n_box):
            rest, index, offset, stride, place_stride = number, 0, 0, 1, 1
            outside = False
            for axis in range(ndim - 1, -1, -1):
                width = 2 * box[axis] + 1
                away = rest % width - box[axis]
                rest //= width
                vector[axis] = away * steps[axis]
                offset += (away + reach[axis]) * stride
                stride *= 2 * reach[axis] + 1
                there = places[star, axis] + away
                outside |= there < 0 or there >= shape[axis]
                index += there * place_stride
                place_stride *= shape[axis]
            if outside:
                continue
            cone = cone_of[offset]
            share = 0.0
            for i in range(ndim):
                part = 0.0
                for axis in range(ndim):
                    part += inverse[cone, i, axis] * vector[axis]
                share += part / lengths[star, rays[cone, i]]
            if share <= 1.0:
                inside[size] = index
                size += 1
        hidden = False
        for i in range(size):
            common[labels[inside[i]]] += 1
        for i in range(size):
            other = labels[inside[i]]
            if other and common[other] > overlap * min(size, sizes[other]):
                hidden = True
        for i in range(size):
            common[labels[inside[i]]] = 0
        if hidden or size == 0:
            continue
        count += 1
        sizes[count] = size
        for i in range(size):
            if labels[inside[i]] == 0:
                labels[inside[i]] = count


@compiled
def _cone_table(reach: np.ndarray, steps: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """Return the cone of each offset within reach of a centre."""
    ndim = len(reach)
    n_offsets = 1
    for axis in range(ndim):
        n_offsets *= 2 * reach[axis] + 1
    table = np.zeros(n_offsets, np.int16)
    vector = np.empty(ndim)
    for offset in range(n_offsets):
        rest = offset
        for axis in range(ndim - 1, -1, -1):
            width = 2 * reach[axis] + 1
            vector[axis] = (rest % width - reach[axis]) * steps[axis]
            rest //= width
        best = -np.inf
        for cone in range(len(inverse)):
            least = np.inf
            for i in range(ndim):
                part = 0.0
                for axis in range(ndim):
                    part += inverse[cone, i, axis] * vector[axis]
                least = min(least, part)
            if least > best:
                best = least
                table[offset] = cone
    return table
