"""Objects that a detector found, as masks in the image: pasted, joined across tiles, resolved.

A detector says of each object a box and a coarse mask in it (`septum.networks.detection.found`).
`paste` makes a mask of pixels of it, `join` makes one object of what several tiles say of it,
and `resolve` gives each pixel to one object.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from septum.instances.box_overlap import overlapping_boxes
from septum.instances.relabel import keep_objects

HALF = 0.5
"""Probability above which a pixel belongs to the object, where nothing else is known."""
SAME = 0.5
"""IoU, in the part that two tiles share, above which their objects may be the same one."""
SURE = 0.5
"""Share of the score of an object's surest detection from which on another is evidence of it."""
AROUND = 2
"""Times the size of an object from which on one of another class holds it."""
NEAR = 1 / 16
"""Share of its extent by which a detection may end short of where the tile cuts the object."""
NEAR_PIXELS = 2
"""And pixels, of small ones."""


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
    mask_threshold: float = HALF,
) -> list[Detection]:
    """Return the objects of a tile at full resolution.

    Masks are interpolated linearly between the centres of their bins. Of each the largest
    connected piece is kept; its holes stay, for another object may lie in them (`resolve` fills
    the others). Without masks an object fills its box.

    Parameters
    ----------
    boxes : (n, 2 * axes) float array
        In pixels of the tile.
    scores : (n,) float array
    labels : (n,) integer array
    masks : (n, *bins) float array or None
    start, stop : sequence of int
        Where the tile lies, without what is mirrored beyond the image.
    mask_threshold : float
        Of ``masks``, above which a pixel belongs to the object.
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
            mask = _one_piece(likely > mask_threshold)
        if mask.any():
            where = _trim(mask)
            corner = tuple(
                int(s + b + w.start) for s, b, w in zip(start, begin, where, strict=True)
            )
            found.append(Detection(corner, mask[where], float(scores[k]), int(labels[k])))
    return found


def join(tiles: Sequence[Tile], shape: Sequence[int]) -> list[Detection]:
    """Return the objects of an image of which overlapping tiles were looked at.

    Two tiles may mean the same object where, in the part that both see, their masks have an IoU
    above `SAME`. The surest detection comes first and takes one of each other tile, rather of its
    own class than of another, and none that is less than half as sure. Where no inner border of
    its tile cuts one of them, that one is the object; where all are cut, they are its pieces, each
    continued by the next. Its score is that of the surest.

    Parameters
    ----------
    tiles : sequence of Tile
    shape : sequence of int
        Of the image.
    """
    cut = [_is_cut(tile, one, shape) for tile in tiles for one in tile.found]
    return [_put_together(group) for group in _groups(tiles, cut, SURE)]


def agree(models: Sequence[Sequence[Detection]], shape: Sequence[int]) -> list[Detection]:
    """Return what several models find together in an image.

    Detections of two models mean the same object where their masks have an IoU above `SAME`; the
    surest takes one of each other model, rather of its own class than of another. The score is
    the mean over all models, 0 of those that did not find it; the mask is what the models that
    found it agree on, by more than half of their scores; the class that of the highest scores
    together.

    Parameters
    ----------
    models : sequence of list of Detection
        What each model found.
    shape : sequence of int
        Of the image.
    """
    whole = (0,) * len(shape), tuple(shape)
    tiles = [Tile(*whole, list(found)) for found in models]
    agreed = []
    for group in _groups(tiles, [False] * sum(map(len, models)), 0.0):
        found = group.members
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
    https://arxiv.org/abs/1801.00868, section 6), as is one of fewer pixels than ``min_size``. A
    better one of another class that is more than `AROUND` times as large covers nothing: it is
    around the object, as a cell is around its mitochondria, and yields its pixels. Of what an
    object keeps, the largest connected piece is its mask. At last, holes in which no object lies
    are filled.

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
    # ties in the order in which they lie in the image, whatever the tiles
    ranked = sorted(
        (one for one in found if one.score >= threshold),
        key=lambda one: (-one.score, one.start, one.stop),
    )
    regions = [tuple(map(slice, one.start, one.stop)) for one in ranked]
    label = np.array([0, *(one.label for one in ranked)])
    size = np.array([0, *(one.mask.sum() for one in ranked)])
    instance = np.zeros(tuple(shape), np.uint32)
    for number, (one, region) in enumerate(zip(ranked, regions, strict=True), start=1):
        owner = instance[region]
        around = (label[owner] != one.label) & (size[owner] > AROUND * size[number])
        free = one.mask & ((owner == 0) | around)
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
        [one.label for one in objects],
        [one.score for one in objects],
    )


def _tidy(here: np.ndarray, number: int, min_size: int) -> bool:
    """Leave an object its largest piece, in place, and say whether that has ``min_size``."""
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


def _trim(mask: np.ndarray) -> tuple[slice, ...]:
    (where,) = ndimage.find_objects(mask.astype(np.uint8))
    return where


@dataclass(frozen=True)
class _Group:
    """Detections that mean one object, one a tile, and which of them shows it whole."""

    members: list[Detection]
    whole: Detection | None


def _groups(tiles: Sequence[Tile], cut: Sequence[bool], least: float) -> Iterator[_Group]:
    """Yield the objects that tiles mean, from the surest detection on.

    Parameters
    ----------
    tiles : sequence of Tile
    cut : sequence of bool
        Of each detection, tile by tile, whether it may be a piece only.
    least : float
        Share of the surest score from which on a detection takes part.
    """
    objects = [one for tile in tiles for one in tile.found]
    tile_of = [t for t, tile in enumerate(tiles) for _ in tile.found]
    same = _links(tiles)
    free = [True] * len(objects)

    def partners(of: int, tiles_taken: set[int], floor: float) -> list[int]:
        """Return what means the same as a detection: the best of each tile that has none yet."""
        best: dict[int, tuple[bool, float, int]] = {}
        for k in same[of]:
            one, tile = objects[k], tile_of[k]
            if free[k] and tile not in tiles_taken and one.score >= floor:
                rank = one.label == objects[of].label, one.score, -k
                best[tile] = max(rank, best.get(tile, rank))
        return [-k for _, _, k in best.values()]

    for first in sorted(range(len(objects)), key=lambda k: -objects[k].score):
        # until it is part of an object: a whole one may leave a far piece of the chain over
        while free[first]:
            floor = least * objects[first].score
            members, taken = [first], {tile_of[first]}
            for k in members:  # grows meanwhile
                found = partners(k, taken, floor)
                members += found
                taken |= {tile_of[f] for f in found}
            whole = max(
                (k for k in members if not cut[k]),
                key=lambda k: (objects[k].score, -k),
                default=None,
            )
            if whole is not None:
                members = [whole, *partners(whole, {tile_of[whole]}, floor)]
            for k in members:
                free[k] = False
            # a second answer of a tile that has its say counts for nothing
            tiles_of_members = {tile_of[k] for k in members}
            for k in members:
                for other in same[k]:
                    if tile_of[other] in tiles_of_members:
                        free[other] &= objects[other].label != objects[k].label
            yield _Group([objects[k] for k in members], None if whole is None else objects[whole])


def _links(tiles: Sequence[Tile]) -> list[list[int]]:
    """Return of each detection, tile by tile, those of other tiles that may mean the same."""
    first = np.cumsum([0, *(len(tile.found) for tile in tiles)])
    same: list[list[int]] = [[] for _ in range(int(first[-1]))]
    for i, j in _neighbours(tiles):
        for a, b in _same(tiles[i], tiles[j]):
            one, other = int(first[i]) + a, int(first[j]) + b
            same[one].append(other)
            same[other].append(one)
    return same


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
        for a, b in overlapping_boxes(*boxes).tolist()
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
    """Say whether an object may go on beyond a border of its tile that is none of the image.

    A network's box ends a little before or beyond where the tile cuts the object. One that is
    whole, and as near to the border, loses nothing: its neighbours show the same.
    """
    for a, b, p, q, n in zip(tile.start, tile.stop, one.start, one.stop, shape, strict=True):
        near = max(NEAR_PIXELS, NEAR * (q - p))
        if (a > 0 and p - a <= near) or (b < n and b - q <= near):
            return True
    return False


def _put_together(group: _Group) -> Detection:
    """Return the object that the detections of tiles mean."""
    surest = max(group.members, key=lambda one: one.score)
    if group.whole is not None:
        return replace(group.whole, score=surest.score)
    low, masks = _aligned(group.members)
    mask = np.logical_or.reduce(masks)
    return Detection(tuple(int(a) for a in low), mask, surest.score, surest.label)


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
