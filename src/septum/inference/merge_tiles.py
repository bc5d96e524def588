"""One list of objects from several: those of overlapping tiles, or those of several models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from septum.decoding.objects import Detection, trim
from septum.instances.box_overlap import overlapping_boxes

MIN_IOU_SAME_OBJECT = 0.5
"""IoU, in the part that two tiles share, above which their objects may be the same one."""
MIN_SCORE_SHARE = 0.5
"""Share of the score of an object's surest detection from which on another is evidence of it."""
MAX_GAP_SHARE = 1 / 16
"""Share of its extent by which a detection may end short of where the tile cuts the object."""
MAX_GAP_PX = 2
"""And pixels, of small ones."""


@dataclass(frozen=True)
class Tile:
    """A part of the image, and the objects that were found in it.

    Parameters
    ----------
    start, stop : tuple of int
        Along each axis, within the image.
    detections : list of Detection
        In pixels of the image.
    """

    start: tuple[int, ...]
    stop: tuple[int, ...]
    detections: list[Detection]


def merge_tiles(tiles: Sequence[Tile], shape: Sequence[int]) -> list[Detection]:
    """Return the objects of an image of which overlapping tiles were looked at.

    Two tiles may mean the same object where, in the part that both see, their masks have an IoU
    above `MIN_IOU_SAME_OBJECT`. The surest detection comes first and takes one of each other tile,
    rather of its own class than of another, and none that is less than half as sure. Where no
    inner border of its tile cuts one of them, that one is the object; where all are cut, they are
    its pieces, each continued by the next. Its score is that of the surest.

    Parameters
    ----------
    tiles : sequence of Tile
    shape : sequence of int
        Of the image.

    Examples
    --------
    >>> left = Tile((0,), (6,), [Detection((3,), np.ones(3, bool), score=0.9, label=1)])
    >>> right = Tile((4,), (9,), [Detection((4,), np.ones(4, bool), score=0.8, label=1)])
    >>> [(d.start, d.stop, d.score) for d in merge_tiles([left, right], [9])]
    [((3,), (8,), 0.9)]
    """
    cut = [_is_cut(tile, detection, shape) for tile in tiles for detection in tile.detections]
    return [_put_together(group) for group in _groups(tiles, cut, MIN_SCORE_SHARE)]


def ensemble_detections(
    models: Sequence[Sequence[Detection]], shape: Sequence[int]
) -> list[Detection]:
    """Return the objects that several models find together in an image.

    Detections of two models mean the same object where their masks have an IoU above
    `MIN_IOU_SAME_OBJECT`; the surest takes one of each other model, rather of its own class than
    of another. The score is the mean over all models, 0 of those that did not find it; the mask
    is what the models that found it agree on, by more than half of their scores; the class that
    of the highest scores together.

    Parameters
    ----------
    models : sequence of list of Detection
        What each model found.
    shape : sequence of int
        Of the image.

    Examples
    --------
    >>> first = [Detection((2,), np.ones(3, bool), score=0.75, label=1)]
    >>> second = [Detection((2,), np.ones(2, bool), score=0.25, label=1)]
    >>> [(d.start, d.stop, d.score) for d in ensemble_detections([first, second], [9])]
    [((2,), (5,), 0.5)]
    """
    whole = (0,) * len(shape), tuple(shape)
    tiles = [Tile(*whole, list(detections)) for detections in models]
    agreed = []
    for group in _groups(tiles, [False] * sum(map(len, models)), 0.0):
        total = sum(member.score for member in group.members)
        votes: dict[int, float] = {}
        for member in group.members:
            votes[member.label] = votes.get(member.label, 0.0) + member.score
        low, masks = _aligned(group.members)
        share = sum(m.score * mask for m, mask in zip(group.members, masks, strict=True))
        mask = share > total / 2
        if mask.any():
            where = trim(mask)
            start = tuple(int(a + w.start) for a, w in zip(low, where, strict=True))
            label = max(votes, key=lambda label: (votes[label], -label))
            agreed.append(Detection(start, mask[where], total / len(models), label))
    return agreed


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
    objects = [detection for tile in tiles for detection in tile.detections]
    tile_of = [t for t, tile in enumerate(tiles) for _ in tile.detections]
    same = _links(tiles)
    free = [True] * len(objects)

    def partners(of: int, tiles_taken: set[int], floor: float) -> list[int]:
        """Return what means the same as a detection: the best of each tile that has none yet."""
        best: dict[int, tuple[bool, float, int]] = {}
        for k in same[of]:
            detection, tile = objects[k], tile_of[k]
            if free[k] and tile not in tiles_taken and detection.score >= floor:
                rank = detection.label == objects[of].label, detection.score, -k
                best[tile] = max(rank, best.get(tile, rank))
        return [-k for _, _, k in best.values()]

    for first in sorted(range(len(objects)), key=lambda k: -objects[k].score):
        # until it is part of an object: a whole one may leave a far piece of the chain over
        while free[first]:
            floor = least * objects[first].score
            members, taken = [first], {tile_of[first]}
            for k in members:  # grows meanwhile
                partners_of_k = partners(k, taken, floor)
                members += partners_of_k
                taken |= {tile_of[p] for p in partners_of_k}
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
    first = np.cumsum([0, *(len(tile.detections) for tile in tiles)])
    same: list[list[int]] = [[] for _ in range(int(first[-1]))]
    for i, j in _neighbours(tiles):
        for a, b in _same(tiles[i], tiles[j]):
            k, n = int(first[i]) + a, int(first[j]) + b
            same[k].append(n)
            same[n].append(k)
    return same


def _neighbours(tiles: Sequence[Tile]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of tiles that overlap."""
    starts = np.array([tile.start for tile in tiles])
    stops = np.array([tile.stop for tile in tiles])
    for i in range(len(tiles) - 1):
        overlap = (starts[i + 1 :] < stops[i]) & (stops[i + 1 :] > starts[i])
        for j in np.flatnonzero(overlap.all(axis=1)):
            yield i, i + 1 + int(j)


def _same(first: Tile, second: Tile) -> list[tuple[int, int]]:
    """Return the pairs of detections of two tiles that may mean the same object."""
    low, high = np.maximum(first.start, second.start), np.minimum(first.stop, second.stop)
    boxes = []
    for tile in (first, second):
        begin = np.array([d.start for d in tile.detections]).reshape(-1, len(low))
        end = np.array([d.stop for d in tile.detections]).reshape(-1, len(low))
        boxes.append((np.maximum(begin, low) - low, np.minimum(end, high) - low))
    return [
        (a, b)
        for a, b in overlapping_boxes(*boxes).tolist()
        if _iou_within(first.detections[a], second.detections[b], low, high) > MIN_IOU_SAME_OBJECT
    ]


def _iou_within(a: Detection, b: Detection, low: np.ndarray, high: np.ndarray) -> float:
    """Return the IoU of two masks, of what lies between ``low`` and ``high``."""
    first, second = _window(a, low, high), _window(b, low, high)
    start = np.maximum(a.start, b.start)
    stop = np.minimum(a.stop, b.stop)
    start, stop = np.maximum(start, low), np.minimum(stop, high)
    both = (_window(a, start, stop) & _window(b, start, stop)).sum()
    return float(both / (first.sum() + second.sum() - both)) if both else 0.0


def _window(detection: Detection, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the part of a mask that lies between two corners."""
    cut = tuple(
        slice(max(0, int(a) - s), max(0, int(b) - s))
        for s, a, b in zip(detection.start, low, high, strict=True)
    )
    return detection.mask[cut]


def _is_cut(tile: Tile, detection: Detection, shape: Sequence[int]) -> bool:
    """Say whether an object may go on beyond a border of its tile that is none of the image.

    A network's box ends a little before or beyond where the tile cuts the object. One that is
    whole, and as near to the border, loses nothing: its neighbours show the same.
    """
    ends = tile.start, tile.stop, detection.start, detection.stop
    for a, b, p, q, n in zip(*ends, shape, strict=True):
        near = max(MAX_GAP_PX, MAX_GAP_SHARE * (q - p))
        if (a > 0 and p - a <= near) or (b < n and b - q <= near):
            return True
    return False


def _put_together(group: _Group) -> Detection:
    """Return the object that the detections of tiles mean."""
    surest = max(group.members, key=lambda member: member.score)
    if group.whole is not None:
        return replace(group.whole, score=surest.score)
    low, masks = _aligned(group.members)
    mask = np.logical_or.reduce(masks)
    return Detection(tuple(int(a) for a in low), mask, surest.score, surest.label)


def _aligned(detections: Sequence[Detection]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the first pixel of what holds all of several masks, and each of them within it."""
    low = np.min([detection.start for detection in detections], axis=0)
    high = np.max([detection.stop for detection in detections], axis=0)
    masks = []
    for detection in detections:
        mask = np.zeros(tuple(high - low), bool)
        region = tuple(
            slice(start - a, stop - a)
            for start, stop, a in zip(detection.start, detection.stop, low, strict=True)
        )
        mask[region] = detection.mask
        masks.append(mask)
    return low, masks
