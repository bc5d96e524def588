"""Decoding by a seeded watershed within the foreground.

Meyer, *Topographic distance and watershed lines*, Signal Processing 38, 1994, as implemented in
`skimage.segmentation.watershed`. If the head regresses the distance to the border, pixels deep
inside an object are seeds, which are flooded in the order of falling depth. Otherwise seeds are
connected components of high probability, split at necks (`septum.instances.necks`), which are
flooded in the order of falling probability. This is meant for roundish objects, since elongated
ones such as neurites also have necks.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage
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
from septum.decoding.components import close_ridges, connected_components
from septum.instances.necks import split_necks


class Watershed(MapMethod):
    """Seeded watershed.

    ``threshold`` is the probability above which a pixel belongs to an object. ``seed_threshold``
    is the probability of being inside an object, or the relative depth if that is regressed,
    above which a pixel is part of a seed; a probability is raised to ``threshold`` if it is lower.
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
        """Return the flooded seeds and the class of each (see `MapMethod.label`)."""
        threshold, seed_threshold = parameters["threshold"], parameters["seed_threshold"]
        body = maps.foreground > threshold
        if len(maps.regressed):
            depth = maps.regressed[0]
            seeds, _ = ndimage.label(body & (depth > seed_threshold))
            labels = flood(seeds, -depth, body)
            return labels, likeliest_channels(labels, maps)
        core = maps.inside > max(threshold, seed_threshold)
        seeds, channels = _split(*connected_components(core, maps))
        labels = flood(seeds, -maps.inside, body)
        return labels if maps.has_border else close_ridges(labels), channels


def _split(seeds: np.ndarray, channels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split seeds at their necks; return the parts and the channel of each."""
    parts = split_necks(seeds)
    channel_of = np.zeros(int(parts.max(initial=0)) + 1, int)
    channel_of[parts[seeds > 0]] = channels[seeds[seeds > 0] - 1]
    return parts, channel_of[1:]


def flood(seeds: np.ndarray, landscape: np.ndarray, body: np.ndarray) -> np.ndarray:
    """Flood the body from seeds; connected parts of the body without a seed stay 0.

    Parameters
    ----------
    seeds : (*spatial) integer array
        1 … n, within the body.
    landscape : (*spatial) float array
        Flooded from its lowest pixels upwards.
    body : (*spatial) bool array

    Returns
    -------
    (*spatial) int32 array

    Examples
    --------
    >>> seeds = np.array([1, 0, 0, 0, 2, 0, 0])
    >>> landscape = np.array([0.0, 0.1, 0.9, 0.1, 0.0, 0.0, 0.0])
    >>> flood(seeds, landscape, np.array([1, 1, 1, 1, 1, 0, 1], bool)).tolist()
    [1, 1, 1, 2, 2, 0, 0]
    """
    regions, n_regions = ndimage.label(body)
    n_seeds = int(seeds.max(initial=0))
    region_of = np.zeros(n_seeds + 1, np.int32)
    region_of[seeds[seeds > 0]] = regions[seeds > 0]
    count = np.bincount(region_of[1:], minlength=n_regions + 1)
    # most regions hold one seed, which fills them; only the others need a watershed
    owner = np.zeros(n_regions + 1, np.int32)
    owner[region_of[1:]] = np.arange(1, n_seeds + 1)
    owner[count != 1] = 0
    labels = owner[regions]
    crowded = np.where(count > 1, np.arange(n_regions + 1), 0)[regions]
    for region, box in enumerate(ndimage.find_objects(crowded), start=1):
        if box is not None:
            in_region = crowded[box] == region
            seeds_in_region = np.where(in_region, seeds[box], 0)
            labels[box] += watershed(landscape[box], seeds_in_region, mask=in_region).astype(
                np.int32
            )
    return labels
