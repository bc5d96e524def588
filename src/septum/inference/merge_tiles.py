"""Merging of lists of objects, from overlapping tiles or from several models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from septum.decoding.objects import Detection, trim
from septum.instances.box_overlap import overlapping_boxes

MIN_IOU_SAME_OBJECT = 0.5
"""IoU, within the overlap of two tiles, above which their detections may be the same object."""
MIN_SCORE_SHARE = 0.5
"""Smallest score of a detection of an object, as a share of its highest-scoring detection's."""
MAX_GAP_SHARE = 1 / 16
"""Largest gap between a detection and the border of its tile at which the border may cut the
object, as a share of the extent of the detection."""
MAX_GAP_PX = 2
"""The same gap in pixels, for small detections."""


@dataclass(frozen=True)
class Tile:
    """A part of the image, and the objects that were detected in it.

    Parameters
    ----------
    start, stop : tuple of int
        Bounds of the tile along each axis, within the image.
    detections : list of Detection
        Detections in pixels of the image.
    """

    start: tuple[int, ...]
    stop: tuple[int, ...]
    detections: list[Detection]


def merge_tiles(tiles: Sequence[Tile], shape: Sequence[int]) -> list[Detection]:
    """Merge the detections of overlapping tiles to the objects of the image.

    Detections of two tiles may be the same object if their masks have an IoU above
    `MIN_IOU_SAME_OBJECT` within the overlap of the tiles. In the order of falling score, each
    detection is matched with at most one detection of each other tile, preferably of its class,
    whose score is at least half of its own. If the border of its tile does not cut one of them,
    this detection is the object. If all of them are cut, the object is their union. Its score is
    the highest one.

    Parameters
    ----------
    tiles : sequence of Tile
    shape : sequence of int
        Shape of the image.

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
    """Merge the detections of several models in an image.

    Detections of two models are the same object if their masks have an IoU above
    `MIN_IOU_SAME_OBJECT`. In the order of falling score, each detection is matched with at most
    one detection of each other model, preferably of its class. The score of an object is the
    mean over all models, with 0 for those that did not detect it. Its mask has the pixels in
    which detections with more than half of the sum of scores agree, and its class is the one
    with the highest sum of scores.

    Parameters
    ----------
    models : sequence of list of Detection
        Detections of each model.
    shape : sequence of int
        Shape of the image.

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
        low, masks = _on_common_grid(group.members)
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
    """Detections of one object, at most one a tile, and the one that shows all of it, if any."""

    members: list[Detection]
    whole: Detection | None


def _groups(tiles: Sequence[Tile], cut: Sequence[bool], least: float) -> Iterator[_Group]:
    """Yield the detections of each object, in the order of falling score.

    Parameters
    ----------
    tiles : sequence of Tile
    cut : sequence of bool
        Whether each detection, tile by tile, may be cut by the border of its tile.
    least : float
        Smallest score of a detection of an object, as a share of the highest one.
    """
    objects = [detection for tile in tiles for detection in tile.detections]
    tile_of = [t for t, tile in enumerate(tiles) for _ in tile.detections]
    links = _links(tiles)
    free = [True] * len(objects)

    def partners(of: int, tiles_taken: set[int], floor: float) -> list[int]:
        """Return the best detection of the same object in each tile that has none yet."""
        best: dict[int, tuple[bool, float, int]] = {}
        for k in links[of]:
            detection, tile = objects[k], tile_of[k]
            if free[k] and tile not in tiles_taken and detection.score >= floor:
                rank = detection.label == objects[of].label, detection.score, -k
                best[tile] = max(rank, best.get(tile, rank))
        return [-k for _, _, k in best.values()]

    for first in sorted(range(len(objects)), key=lambda k: -objects[k].score):
        # repeated until it is part of an object, since an uncut detection of the same chain may
        # leave distant pieces over
        while free[first]:
            floor = least * objects[first].score
            members, tiles_taken = [first], {tile_of[first]}
            for k in members:  # which grows in the loop
                partners_of_k = partners(k, tiles_taken, floor)
                members += partners_of_k
                tiles_taken |= {tile_of[p] for p in partners_of_k}
            whole = max(
                (k for k in members if not cut[k]),
                key=lambda k: (objects[k].score, -k),
                default=None,
            )
            if whole is not None:
                members = [whole, *partners(whole, {tile_of[whole]}, floor)]
            for k in members:
                free[k] = False
            # drop further detections of the object, of the same class, in these tiles
            tiles_of_members = {tile_of[k] for k in members}
            for k in members:
                for rival in links[k]:
                    if tile_of[rival] in tiles_of_members:
                        free[rival] &= objects[rival].label != objects[k].label
            yield _Group([objects[k] for k in members], None if whole is None else objects[whole])


def _links(tiles: Sequence[Tile]) -> list[list[int]]:
    """Return for each detection, tile by tile, those of other tiles that may be the same object."""
    offsets = np.cumsum([0, *(len(tile.detections) for tile in tiles)])
    links: list[list[int]] = [[] for _ in range(int(offsets[-1]))]
    for i, j in _neighbours(tiles):
        for a, b in _matching_pairs(tiles[i], tiles[j]):
            k, n = int(offsets[i]) + a, int(offsets[j]) + b
            links[k].append(n)
            links[n].append(k)
    return links


def _neighbours(tiles: Sequence[Tile]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of tiles that overlap."""
    starts = np.array([tile.start for tile in tiles])
    stops = np.array([tile.stop for tile in tiles])
    for i in range(len(tiles) - 1):
        overlap = (starts[i + 1 :] < stops[i]) & (stops[i + 1 :] > starts[i])
        for j in np.flatnonzero(overlap.all(axis=1)):
            yield i, i + 1 + int(j)


def _matching_pairs(first: Tile, second: Tile) -> list[tuple[int, int]]:
    """Return the pairs of detections of two tiles that may be the same object."""
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
    """Return the IoU of two masks within the box from ``low`` to ``high``."""
    first, second = _window(a, low, high), _window(b, low, high)
    start = np.maximum(a.start, b.start)
    stop = np.minimum(a.stop, b.stop)
    start, stop = np.maximum(start, low), np.minimum(stop, high)
    intersection = (_window(a, start, stop) & _window(b, start, stop)).sum()
    return (
        float(intersection / (first.sum() + second.sum() - intersection)) if intersection else 0.0
    )


def _window(detection: Detection, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the part of a mask within the box from ``low`` to ``high``."""
    cut = tuple(
        slice(max(0, int(a) - s), max(0, int(b) - s))
        for s, a, b in zip(detection.start, low, high, strict=True)
    )
    return detection.mask[cut]


def _is_cut(tile: Tile, detection: Detection, shape: Sequence[int]) -> bool:
    """Return whether an object may continue beyond an inner border of its tile.

    The boxes that a network predicts may end a little before the border that cuts an object.
    Complete objects that are as close to the border are counted as cut, too, which has no effect,
    since neighbouring tiles show them completely.
    """
    ends = tile.start, tile.stop, detection.start, detection.stop
    for a, b, p, q, n in zip(*ends, shape, strict=True):
        near = max(MAX_GAP_PX, MAX_GAP_SHARE * (q - p))
        if (a > 0 and p - a <= near) or (b < n and b - q <= near):
            return True
    return False


def _put_together(group: _Group) -> Detection:
    """Return the object of a group of detections."""
    surest = max(group.members, key=lambda member: member.score)
    if group.whole is not None:
        return replace(group.whole, score=surest.score)
    low, masks = _on_common_grid(group.members)
    mask = np.logical_or.reduce(masks)
    return Detection(tuple(int(a) for a in low), mask, surest.score, surest.label)


def _on_common_grid(detections: Sequence[Detection]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the corner of the smallest box around several masks, and each mask in this box."""
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
