"""Conversion of the objects of a detector to masks and label maps.

A detector predicts a box and a coarse mask in it for each object
(`septum.networks.detection.detected_objects`). `paste` converts these to masks of pixels, and
`to_label_map` assigns each pixel to one object. Objects of several tiles, or of several models,
are merged in `septum.inference.merge_tiles`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from septum.instances.relabel import keep_objects

MASK_THRESHOLD = 0.5
"""Probability above which a pixel belongs to the object, unless it is tuned."""
MIN_SIZE_RATIO_AROUND = 2
"""Ratio of sizes above which an object may contain one of another class."""


@dataclass(frozen=True)
class Detection:
    """One object.

    Parameters
    ----------
    start : tuple of int
        First pixel of the mask along each axis.
    mask : (*extent) bool array
    score : float
    label : int
        Channel of its class, from 1.
    """

    start: tuple[int, ...]
    mask: np.ndarray
    score: float
    label: int

    @property
    def stop(self) -> tuple[int, ...]:
        """The pixel after the last one along each axis."""
        return tuple(a + n for a, n in zip(self.start, self.mask.shape, strict=True))


def paste(
    boxes: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    masks: np.ndarray | None,
    start: Sequence[int],
    stop: Sequence[int],
    mask_threshold: float = MASK_THRESHOLD,
) -> list[Detection]:
    """Return the objects of a tile at full resolution.

    Masks are interpolated linearly between the centres of their bins, and their largest connected
    piece is kept. Holes are kept, too, since another object may lie in them (`to_label_map` fills
    empty ones). Without masks an object fills its box.

    Parameters
    ----------
    boxes : (n, 2 * axes) float array
        Boxes in pixels of the tile.
    scores : (n,) float array
    labels : (n,) integer array
    masks : (n, *bins) float array or None
    start, stop : sequence of int
        Bounds of the tile, clipped to the image.
    mask_threshold : float
        Probability in ``masks`` above which a pixel belongs to the object.

    Examples
    --------
    >>> box = np.array([[0.0, 0.0, 2.0, 3.0]])
    >>> paste(box, np.array([0.9]), np.array([1]), None, (10, 10), (14, 14))
    [Detection(start=(10, 10), mask=array([[ True,  True,  True],
           [ True,  True,  True]]), score=0.9, label=1)]
    """
    axes = boxes.shape[1] // 2
    low, high = np.asarray(start), np.asarray(stop)
    detections = []
    for k, box in enumerate(boxes.astype(float)):
        first, last = box[:axes], np.maximum(box[axes:], box[:axes] + 1e-6)
        # pixels whose centre the box holds
        begin = np.clip(np.ceil(first - 0.5).astype(int), 0, high - low)
        end = np.clip(np.ceil(last - 0.5).astype(int), 0, high - low)
        if (end <= begin).any():
            continue
        mask = np.ones(tuple(end - begin), bool)
        if masks is not None:
            likely = masks[k].astype(float)
            for a in range(axes):
                weights = _interpolation(begin[a], end[a], first[a], last[a], likely.shape[a])
                likely = np.moveaxis(np.tensordot(weights, likely, (1, a)), 0, a)
            mask = _one_piece(likely > mask_threshold)
        if mask.any():
            where = trim(mask)
            corner = tuple(
                int(s + b + w.start) for s, b, w in zip(start, begin, where, strict=True)
            )
            detections.append(Detection(corner, mask[where], float(scores[k]), int(labels[k])))
    return detections


def to_label_map(
    detections: Sequence[Detection],
    shape: Sequence[int],
    *,
    threshold: float,
    overlap: float = 0.5,
    min_size: int = 0,
) -> tuple[np.ndarray, list[int], list[float]]:
    """Assign each pixel to the object with the highest score whose mask holds it.

    Objects are dropped if objects with higher scores cover more than ``overlap`` of them (Kirillov
    et al. 2019, https://arxiv.org/abs/1801.00868, section 6), or if they have fewer pixels than
    ``min_size``. An object of another class that is more than `MIN_SIZE_RATIO_AROUND` times as
    large does not cover an object but contains it, as a cell contains its mitochondria, and loses
    its pixels to it. The largest connected piece of the remaining pixels of an object is its mask.
    Finally, holes in which there is no object are filled.

    Parameters
    ----------
    detections : sequence of Detection
    shape : sequence of int
        Shape of the image.
    threshold : float
        Smallest score of an object.
    overlap : float
        Largest share of an object that others may cover.
    min_size : int
        Smallest number of pixels of an object.

    Returns
    -------
    instance : (*shape) uint32 array
        Ids 1 … n by falling score, 0 elsewhere.
    labels : list of n int
    scores : list of n float

    Examples
    --------
    >>> left = Detection((0,), np.array([True, True, True]), score=0.9, label=1)
    >>> right = Detection((2,), np.array([True, True, True]), score=0.8, label=2)
    >>> instance, labels, scores = to_label_map([right, left], [6], threshold=0.5)
    >>> instance.tolist(), labels, scores
    ([1, 1, 1, 2, 2, 0], [1, 2], [0.9, 0.8])
    """
    # equal scores are ordered by position in the image, so that the order of tiles has no effect
    ranked = sorted(
        (detection for detection in detections if detection.score >= threshold),
        key=lambda detection: (-detection.score, detection.start, detection.stop),
    )
    regions = [tuple(map(slice, detection.start, detection.stop)) for detection in ranked]
    label = np.array([0, *(detection.label for detection in ranked)])
    size = np.array([0, *(detection.mask.sum() for detection in ranked)])
    instance = np.zeros(tuple(shape), np.uint32)
    for number, (detection, region) in enumerate(zip(ranked, regions, strict=True), start=1):
        owner = instance[region]
        larger = size[owner] > MIN_SIZE_RATIO_AROUND * size[number]
        around = (label[owner] != detection.label) & larger
        free = detection.mask & ((owner == 0) | around)
        if free.sum() < (1 - overlap) * size[number]:
            continue
        free = _one_piece(free)
        if free.sum() >= max(1, min_size):
            owner[free] = number  # a view of `instance`
    kept = [
        number
        for number, region in enumerate(regions, start=1)
        if _tidy(instance[region], number, min_size)
    ]
    for number in kept:
        here = instance[regions[number - 1]]
        here[ndimage.binary_fill_holes(here == number) & (here == 0)] = number
    objects = [ranked[number - 1] for number in kept]
    return (
        keep_objects(instance, kept),
        [detection.label for detection in objects],
        [detection.score for detection in objects],
    )


def _tidy(here: np.ndarray, number: int, min_size: int) -> bool:
    """Reduce an object to its largest piece, in place; return whether it has ``min_size``."""
    mask = here == number
    if not mask.any():
        return False
    piece = _one_piece(mask)
    large = piece.sum() >= min_size
    here[mask & ~piece if large else mask] = 0
    return bool(large)


def _interpolation(begin: int, end: int, first: float, last: float, bins: int) -> np.ndarray:
    """Return the weights (pixels, bins) of a mask's bins in the pixels from begin to end."""
    place = (np.arange(begin, end) + 0.5 - first) / (last - first) * bins - 0.5
    place = place.clip(0, bins - 1)
    lower = np.minimum(place.astype(int), max(bins - 2, 0))
    weights = np.zeros((end - begin, bins))
    rows = np.arange(end - begin)
    weights[rows, lower] = 1 - (place - lower)
    weights[rows, np.minimum(lower + 1, bins - 1)] += place - lower
    return weights


def _one_piece(mask: np.ndarray) -> np.ndarray:
    """Return the largest connected piece of a mask."""
    pieces, count = ndimage.label(mask)
    return pieces == np.bincount(pieces.ravel())[1:].argmax() + 1 if count > 1 else mask


def trim(mask: np.ndarray) -> tuple[slice, ...]:
    """Return the smallest region that holds a mask (*spatial), which must not be empty.

    Examples
    --------
    >>> trim(np.array([[False, False, False], [False, True, True]]))
    (slice(1, 2, None), slice(1, 3, None))
    """
    (where,) = ndimage.find_objects(mask.astype(np.uint8))
    return where
