"""From the maps of a network to class and instance maps, for any number of axes.

Each head (`septum.heads.heads`) has its ways to instances. From probabilities alone:

- ``components``: connected components of what is inside an object.
- ``watershed``: the same with a threshold of its own, split at necks (`septum.instances.necks`),
  gives seeds. They are flooded, highest probability first, within the foreground (Meyer 1994, as
  `skimage.segmentation.watershed`). Made for roundish objects: a neurite has necks, too.

From what is regressed beside (`septum.heads.regression`):

- ``watershed`` of the distance: pixels deep inside an object are seeds, flooded from the
  deepest outwards.
- ``stars``: the most probable of star-convex proposals (`septum.decoding.stars`).
- ``flows``: pixels that follow the flows to one place (`septum.decoding.flows`).

The first two give back what training took from the objects to keep them apart: for the semantic
head the one-pixel ridge between touching objects
(`septum.instances.touching.separate_touching`), for the border head the one-pixel inner
boundary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import ndimage
from skimage.measure import label as label_values
from skimage.segmentation import watershed

from septum.config.schema import ClassSpec
from septum.decoding.flows import follow_flows
from septum.decoding.panoptic import fill_with_stuff, likeliest_stuff
from septum.decoding.stars import draw_stars
from septum.heads.heads import HEADS
from septum.instances.necks import split_necks
from septum.instances.relabel import drop_small

SEEDED = ("watershed", "stars")
"""The methods that ``seed_threshold`` acts on."""
STAR_OVERLAP = 0.4
"""Share of a star that a more probable one may cover, as in the StarDist paper."""


def decode(
    probabilities: np.ndarray,
    *,
    head: str,
    classes: Mapping[int, ClassSpec],
    annotation: str,
    method: str = "components",
    threshold: float | None = 0.5,
    seed_threshold: float | None = None,
    flow_error: float | None = 0.4,
    min_size: int | None = 0,
    min_stuff: int | None = 0,
    spacing: Sequence[float] | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the class map and the instance map of predicted probabilities.

    Parameters
    ----------
    probabilities : (K, *spatial) float array
        Channels as the head orders them: background, classes by ascending id, border, and
        what is regressed.
    head : str
        One of `septum.heads.heads.HEADS`.
    classes : mapping of int to ClassSpec
        The foreground classes by their id.
    annotation : {"instance", "semantic", "panoptic"}
        ``semantic``: the most probable class, and no instances; the parameters below are
        without effect. ``instance``: the class of its instance, else 0. ``panoptic``: things
        first, then the most probable of background and stuff.
    method : str
        One of the head's `METHODS`.
    threshold : float
        Probability above which a pixel belongs to a thing. Classes are added up, so that
        doubt between two classes is no doubt about there being an object.
    seed_threshold : float
        For ``watershed``: probability of being inside above which a pixel is part of a seed (a
        value below ``threshold`` acts as this one); of the distance head, relative depth.
        For ``stars``: probability above which a pixel proposes one.
    flow_error : float
        For ``flows``: how little an object's flow may look like that of its shape
        (`septum.decoding.flows.follow_flows`).
    min_size : int
        Instances of fewer pixels are removed.
    min_stuff : int
        Stuff of fewer pixels is background (`septum.decoding.panoptic.fill_with_stuff`).
    spacing : sequence of float, optional
        Size of a pixel along each axis, as in training; 1 where it is not given.

    Returns
    -------
    semantic : (*spatial) uint16 array
        Class ids, 0 background.
    instance : (*spatial) uint32 array or None
        1 … n as the seeds lie in raster order, 0 elsewhere; None for semantic annotation.
    """
    n_maps = HEADS[head].outputs(len(classes), probabilities.ndim - 1)
    if len(probabilities) != n_maps:
        raise ValueError(f"{len(probabilities)} channels, the {head} head has {n_maps}")
    n_channels = HEADS[head].channels(len(classes))
    probabilities, regressed = probabilities[:n_channels], probabilities[n_channels:]
    class_ids = np.array([0, *sorted(classes)], np.uint16)
    if annotation == "semantic":
        return class_ids[np.argmax(probabilities[: len(class_ids)], axis=0)], None
    things = [c for c, i in enumerate(class_ids) if c and classes[int(i)].kind == "thing"]
    inside = _total(probabilities, things)
    border = head == "border"
    foreground = inside + probabilities[-1] if border else inside
    body = foreground > threshold
    if HEADS[head].regression is None:
        level = threshold if method == "components" else max(threshold, seed_threshold)
        labels, kinds = _components(inside > level, probabilities, things)
        if method == "watershed":
            labels, kinds = _split(labels, kinds)
            labels = _flood(labels, -inside, body)
        elif border:
            labels = _grow(labels, body)
        if not border:
            labels = _close_ridges(labels)
    else:
        limits = {"seed_threshold": seed_threshold, "flow_error": flow_error}
        labels = _from_regression(regressed, method, body, spacing=spacing, **limits)
        kinds = _likeliest(labels, probabilities, things)
    instance, kept = drop_small(labels, min_size or 0)
    semantic = class_ids[np.append(0, kinds[kept - 1])][instance]
    if annotation == "panoptic":
        stuff = likeliest_stuff(probabilities, classes)
        semantic = fill_with_stuff(semantic, stuff, min_stuff or 0)
    return semantic, instance


def _from_regression(
    regressed: np.ndarray,
    method: str,
    body: np.ndarray,
    *,
    seed_threshold: float | None,
    flow_error: float | None,
    spacing: Sequence[float] | None,
) -> np.ndarray:
    """Label the instances that the regressed maps (R, *spatial) tell apart within the body."""
    regressed = regressed.astype(np.float32, copy=False)
    if method == "flows":
        return follow_flows(regressed, body, max_error=flow_error)
    if method == "stars":
        return draw_stars(
            regressed[0],
            regressed[1:],
            body,
            threshold=seed_threshold,
            overlap=STAR_OVERLAP,
            spacing=spacing,
        )
    seeds, _ = ndimage.label(body & (regressed[0] > seed_threshold))
    return _flood(seeds, -regressed[0], body)


def _likeliest(labels: np.ndarray, probabilities: np.ndarray, things: Sequence[int]) -> np.ndarray:
    """Return the channel of each instance: the class most probable over its pixels."""
    ids = np.arange(1, int(labels.max(initial=0)) + 1)
    if not ids.size:
        return np.zeros(0, int)
    totals = [ndimage.sum_labels(probabilities[c], labels, ids) for c in things]
    return np.asarray(things)[np.argmax(totals, axis=0)]


def _total(probabilities: np.ndarray, channels: Sequence[int]) -> np.ndarray:
    total = np.zeros(probabilities.shape[1:], np.float32)
    for channel in channels:
        total += probabilities[channel]
    return total


def _components(
    core: np.ndarray, probabilities: np.ndarray, things: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Label the connected components of each class; return them and the channel of each.

    Pixels connect through faces: one diagonal pair of pixels must not merge two objects.
    """
    if not things:
        return np.zeros(core.shape, np.int32), np.zeros(0, int)
    if len(things) == 1:
        labels, count = ndimage.label(core)
        return labels, np.full(count, things[0])
    channel = np.asarray(things)[np.argmax(probabilities[things], axis=0)]
    labels, count = label_values(np.where(core, channel, 0), connectivity=1, return_num=True)
    kinds = np.zeros(count + 1, int)
    kinds[labels[core]] = channel[core]
    return labels.astype(np.int32, copy=False), kinds[1:]


def _split(seeds: np.ndarray, kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split seeds at their necks; return the parts and the channel of each."""
    parts = split_necks(seeds)
    of_part = np.zeros(int(parts.max(initial=0)) + 1, int)
    of_part[parts[seeds > 0]] = kinds[seeds[seeds > 0] - 1]
    return parts, of_part[1:]


def _flood(seeds: np.ndarray, landscape: np.ndarray, body: np.ndarray) -> np.ndarray:
    """Let the seeds grow until the body is full; parts of the body without a seed stay empty."""
    regions, n_regions = ndimage.label(body)
    n_seeds = int(seeds.max(initial=0))
    region_of = np.zeros(n_seeds + 1, np.int32)
    region_of[seeds[seeds > 0]] = regions[seeds > 0]
    count = np.bincount(region_of[1:], minlength=n_regions + 1)
    # most regions hold one seed, which takes all; only the others need a watershed
    owner = np.zeros(n_regions + 1, np.int32)
    owner[region_of[1:]] = np.arange(1, n_seeds + 1)
    owner[count != 1] = 0
    labels = owner[regions]
    crowded = np.where(count > 1, np.arange(n_regions + 1), 0)[regions]
    for region, box in enumerate(ndimage.find_objects(crowded), start=1):
        if box is not None:
            here = crowded[box] == region
            marks = np.where(here, seeds[box], 0)
            labels[box] += watershed(landscape[box], marks, mask=here).astype(np.int32)
    return labels


def _grow(labels: np.ndarray, body: np.ndarray) -> np.ndarray:
    """Let instances grow within the body, none into another.

    By one step through a face an axis: what reaches the corner of a box from its inside.
    """
    faces = ndimage.generate_binary_structure(labels.ndim, 1)
    for _ in range(labels.ndim):
        grown = ndimage.maximum_filter(labels, footprint=faces)
        labels = np.where((labels == 0) & body, grown, labels)
    return labels


def _close_ridges(labels: np.ndarray) -> np.ndarray:
    """Fill the one-pixel gaps between instances.

    The smaller id takes the pixel: it gave it in training, and in raster order.
    """
    highest = ndimage.maximum_filter(labels, size=3)
    # without background, which has become the highest of all
    lowest = ndimage.minimum_filter(labels.astype(np.uint32) - np.uint32(1), size=3)
    lowest += np.uint32(1)
    ridge = (labels == 0) & (highest > 0) & (lowest != highest)
    return np.where(ridge, lowest, labels).astype(np.int32, copy=False)
