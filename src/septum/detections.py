"""Objects that a detector found, as masks in the image: pasted, joined across tiles, resolved.

A detector says of each object a box and a coarse mask in it (`septum.models.detection.found`).
`paste` makes a mask of pixels of it, `join` makes one object of what several tiles say of it,
and `resolve` gives each pixel to one object.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from septum.meeting import meeting

HALF = 0.5
"""Probability above which a pixel belongs to the object."""
SAME = 0.5
"""IoU, in the part that two tiles share, above which their objects are the same one."""


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
        Channel of its class: 1 and up.
    """

    start: tuple[int, ...]
    mask: np.ndarray
    score: float
    label: int

    @property
    def stop(self) -> tuple[int, ...]:
        """The pixel after the last along each axis."""
        return tuple(a + n for a, n in zip(self.start, self.mask.shape, strict=True))


@dataclass(frozen=True)
class Tile:
    """A part of the image and what was found in it.

    Parameters
    ----------
    start, stop : tuple of int
        Along each axis, within the image.
    found : list of Detection
        In pixels of the image.
    """

    start: tuple[int, ...]
    stop: tuple[int, ...]
    found: list[Detection]


def paste(
    boxes: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    masks: np.ndarray | None,
    start: Sequence[int],
    stop: Sequence[int],
) -> list[Detection]:
    """Return the objects of a tile at full resolution.

    Masks are interpolated linearly between the centres of their bins. Of each the largest
    connected piece is kept, its holes are filled. Without masks an object fills its box.

    Parameters
    ----------
    boxes : (n, 2 * axes) float array
        In pixels of the tile.
    scores : (n,) float array
    labels : (n,) integer array
    masks : (n, *bins) float array or None
    start, stop : sequence of int
        Where the tile lies, without what is mirrored beyond the image.
    """
    axes = boxes.shape[1] // 2
    low, high = np.asarray(start), np.asarray(stop)
    found = []
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
            mask = _one_piece(likely > HALF)
        if mask.any():
            where = _trim(mask)
            corner = tuple(
                int(s + b + w.start) for s, b, w in zip(start, begin, where, strict=True)
            )
            found.append(Detection(corner, mask[where], float(scores[k]), int(labels[k])))
    return found


def join(tiles: Sequence[Tile], shape: Sequence[int]) -> list[Detection]:
    """Return the objects of an image of which overlapping tiles were looked at.

    Two tiles mean the same object where, in the part that both see, their masks have an IoU
    above `SAME`. Of those that mean one object the best is taken that no inner border of its tile
    cuts; where all are cut, their union.

    Parameters
    ----------
    tiles : sequence of Tile
    shape : sequence of int
        Of the image.
    """
    joined = []
    for members in _together(tiles):
        whole = [one for tile, one in members if not _is_cut(tile, one, shape)]
        if whole:
            joined.append(max(whole, key=lambda one: one.score))
        else:
            joined.append(_union([one for _, one in members]))
    return joined


def agree(models: Sequence[Sequence[Detection]], shape: Sequence[int]) -> list[Detection]:
    """Return what several models find together in an image.

    Detections of two models mean the same object where their masks have an IoU above `SAME`. Its
    score is the mean over all models, 0 of those that did not find it; its mask is what the
    models that found it agree on, by more than half of their scores; its class that of the
    highest scores together.

    Parameters
    ----------
    models : sequence of list of Detection
        What each model found.
    shape : sequence of int
        Of the image.
    """
    whole = (0,) * len(shape), tuple(shape)
    agreed = []
    for members in _together([Tile(*whole, list(found)) for found in models]):
        # two answers of one model for an object count once
        best: dict[int, Detection] = {}
        for tile, one in members:
            if id(tile) not in best or best[id(tile)].score < one.score:
                best[id(tile)] = one
        found = list(best.values())
        total = sum(one.score for one in found)
        votes: dict[int, float] = {}
        for one in found:
            votes[one.label] = votes.get(one.label, 0.0) + one.score
        low, masks = _aligned(found)
        share = sum(one.score * mask for one, mask in zip(found, masks, strict=True))
        mask = share > total / 2
        if mask.any():
            where = _trim(mask)
            start = tuple(int(a + w.start) for a, w in zip(low, where, strict=True))
            label = max(votes, key=lambda label: (votes[label], -label))
            agreed.append(Detection(start, mask[where], total / len(models), label))
    return agreed


def resolve(
    found: Sequence[Detection],
    shape: Sequence[int],
    *,
    threshold: float,
    overlap: float = 0.5,
    min_size: int = 0,
) -> tuple[np.ndarray, list[int], list[float]]:
    """Give each pixel to one object: that of the highest score that claims it.

    An object of which better ones cover more than ``overlap`` is dropped (Kirillov et al. 2019,
    https://arxiv.org/abs/1801.00868, section 6), as is one of fewer pixels than ``min_size``. Of
    what an object keeps, the largest connected piece is its mask.

    Parameters
    ----------
    found : sequence of Detection
    shape : sequence of int
        Of the image.
    threshold : float
        Score from which on an object counts.
    overlap : float
        Share of its pixels.
    min_size : int
        Pixels.

    Returns
    -------
    instance : (*shape) uint32 array
        1 … n by falling score, 0 elsewhere.
    labels : list of n int
    scores : list of n float
    """
    instance = np.zeros(tuple(shape), np.uint32)
    labels: list[int] = []
    scores: list[float] = []
    # ties in the order in which they lie in the image, whatever the tiles
    for one in sorted(found, key=lambda one: (-one.score, one.start, one.stop)):
        if one.score < threshold:
            break
        region = tuple(slice(a, b) for a, b in zip(one.start, one.stop, strict=True))
        free = one.mask & (instance[region] == 0)
        if free.sum() < (1 - overlap) * one.mask.sum():
            continue
        free = _one_piece(free, fill=False)
        if free.sum() < max(1, min_size):
            continue
        labels.append(one.label)
        scores.append(one.score)
        instance[region][free] = len(labels)
    return instance, labels, scores


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


def _one_piece(mask: np.ndarray, *, fill: bool = True) -> np.ndarray:
    """Return the largest connected piece of a mask, with its holes filled."""
    pieces, count = ndimage.label(mask)
    if count > 1:
        mask = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    return ndimage.binary_fill_holes(mask) if fill else mask


def _trim(mask: np.ndarray) -> tuple[slice, ...]:
    (where,) = ndimage.find_objects(mask.astype(np.uint8))
    return where


def _together(tiles: Sequence[Tile]) -> list[list[tuple[Tile, Detection]]]:
    """Return the detections, with their tiles, that mean one object each."""
    objects = [(tile, one) for tile in tiles for one in tile.found]
    first = np.cumsum([0, *(len(tile.found) for tile in tiles)])
    group = list(range(len(objects)))

    def root(k: int) -> int:
        while group[k] != k:
            group[k] = group[group[k]]
            k = group[k]
        return k

    for i, j in _neighbours(tiles):
        for a, b in _same(tiles[i], tiles[j]):
            group[root(int(first[i]) + a)] = root(int(first[j]) + b)
    together: dict[int, list[tuple[Tile, Detection]]] = {}
    for k in range(len(objects)):
        together.setdefault(root(k), []).append(objects[k])
    return list(together.values())


def _neighbours(tiles: Sequence[Tile]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of tiles that overlap."""
    starts = np.array([tile.start for tile in tiles])
    stops = np.array([tile.stop for tile in tiles])
    for i in range(len(tiles) - 1):
        overlap = (starts[i + 1 :] < stops[i]) & (stops[i + 1 :] > starts[i])
        for j in np.flatnonzero(overlap.all(axis=1)):
            yield i, i + 1 + int(j)


def _same(one: Tile, other: Tile) -> list[tuple[int, int]]:
    """Return which objects of two tiles are the same."""
    low, high = np.maximum(one.start, other.start), np.minimum(one.stop, other.stop)
    boxes = []
    for tile in (one, other):
        begin = np.array([d.start for d in tile.found]).reshape(-1, len(low))
        end = np.array([d.stop for d in tile.found]).reshape(-1, len(low))
        boxes.append((np.maximum(begin, low) - low, np.minimum(end, high) - low))
    return [
        (a, b)
        for a, b in meeting(*boxes)
        if _iou_within(one.found[a], other.found[b], low, high) > SAME
    ]


def _iou_within(a: Detection, b: Detection, low: np.ndarray, high: np.ndarray) -> float:
    """Return the IoU of two masks, of what lies between ``low`` and ``high``."""
    first, second = _window(a, low, high), _window(b, low, high)
    start = np.maximum(a.start, b.start)
    stop = np.minimum(a.stop, b.stop)
    start, stop = np.maximum(start, low), np.minimum(stop, high)
    both = (_window(a, start, stop) & _window(b, start, stop)).sum()
    return float(both / (first.sum() + second.sum() - both)) if both else 0.0


def _window(one: Detection, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the part of a mask that lies between two corners."""
    cut = tuple(
        slice(max(0, int(a) - s), max(0, int(b) - s))
        for s, a, b in zip(one.start, low, high, strict=True)
    )
    return one.mask[cut]


def _is_cut(tile: Tile, one: Detection, shape: Sequence[int]) -> bool:
    """Say whether an object touches a border of its tile that is none of the image."""
    ends = zip(tile.start, tile.stop, one.start, one.stop, shape, strict=True)
    return any((a > 0 and p <= a) or (b < n and q >= b) for a, b, p, q, n in ends)


def _union(pieces: Sequence[Detection]) -> Detection:
    """Return what pieces of one object are together, with the score and class of the best."""
    best = max(pieces, key=lambda one: one.score)
    if len(pieces) == 1:
        return best
    low, masks = _aligned(pieces)
    mask = np.logical_or.reduce(masks)
    return Detection(tuple(int(a) for a in low), mask, best.score, best.label)


def _aligned(found: Sequence[Detection]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the first pixel of what holds all of several masks, and each of them within it."""
    low = np.min([one.start for one in found], axis=0)
    high = np.max([one.stop for one in found], axis=0)
    masks = []
    for one in found:
        mask = np.zeros(tuple(high - low), bool)
        region = tuple(
            slice(s - a, e - a) for s, e, a in zip(one.start, one.stop, low, strict=True)
        )
        mask[region] = one.mask
        masks.append(mask)
    return low, masks
