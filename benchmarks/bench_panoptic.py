"""Panoptic merging and PQ at 2,000 segments on 2048², against panopticapi's way of doing both.

The peers of the first two rows are written down here from the published descriptions, on arrays
in memory: merging by masks as large as the image (Kirillov et al., "Panoptic Segmentation", CVPR
2019, https://arxiv.org/abs/1801.00868, section 7, with the limit on areas of stuff that
panopticapi adds), and PQ by sorting pairs of ids (section 4). Where panopticapi can be imported,
its own functions are the peers of two more rows. The merging writes a file, and so does ours
there: an uncompressed one, else the time would be that of PNG. PQ reads none: it is given the
pictures. PQ must be equal to 1e-12 for every class, and merged maps in every pixel.

panopticapi is on no package index: ``pip install --no-deps
git+https://github.com/cocodataset/panopticapi`` (it needs Pillow and pycocotools).
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.spatial import cKDTree
from timing import seconds

from septum.config.schema import ClassSpec
from septum.data.writers.rle import encode
from septum.decoding.objects import Detection
from septum.decoding.parameters import Decoder
from septum.decoding.scene import Scene, decode_scene
from septum.metrics.panoptic import panoptic_quality

try:
    from panopticapi.combine_semantic_and_instance_predictions import (
        combine_to_panoptic_single_core,
    )
    from panopticapi.evaluation import pq_compute_single_core

    MISSING = ""
except Exception as error:  # it raises a bare Exception where pycocotools is missing
    MISSING = f"skipped: panopticapi cannot be imported ({error}); pip install --no-deps "
    MISSING += "git+https://github.com/cocodataset/panopticapi"

SIZE, SIDE, RADIUS = 2048, 47, 23.0  # 47² objects, about as far apart as two radii
SCORE, OVERLAP, LEAST_STUFF = 0.5, 0.5, 64 * 64
CLASSES = {
    **{i: ClassSpec(name=f"thing {i}") for i in (1, 2, 3)},
    **{i: ClassSpec(name=f"stuff {i}", kind="stuff") for i in (4, 5, 6)},
}
THINGS = [1, 2, 3]
TARGET = 0.2

Maps = tuple[np.ndarray, np.ndarray]
"""Classes of pixels, and ids of objects."""
Panoptic = tuple[np.ndarray, dict[int, int]]
"""Ids of segments, 0 for none, and the class of each."""


def truth(random: np.random.Generator) -> tuple[Maps, np.ndarray, np.ndarray]:
    """Return touching cells on three kinds of stuff, the cells' centres, and what is void."""
    pitch = SIZE / SIDE
    grid = (np.indices((SIDE, SIDE)).reshape(2, -1).T + 0.5) * pitch
    centres = grid + random.uniform(-4, 4, grid.shape)
    distance, nearest = cKDTree(centres).query(np.indices((SIZE, SIZE)).reshape(2, -1).T)
    instance = np.where(distance < RADIUS, nearest + 1, 0).reshape(SIZE, SIZE).astype(np.uint32)
    stuff = np.full((SIZE, SIZE), 4)
    stuff[SIZE // 2 :] = 5
    stuff[:8] = 6  # of which so little is seen that the prediction's is dropped
    kinds = np.array([0, *random.integers(1, 4, len(centres))])
    semantic = np.where(instance > 0, kinds[instance], stuff).astype(np.uint16)
    void = np.zeros((SIZE, SIZE), bool)
    void[700:900, 300:1500] = True
    return (semantic, instance), centres, void


def prediction(
    random: np.random.Generator, centres: np.ndarray, kinds: np.ndarray
) -> tuple[list[Detection], np.ndarray]:
    """Return discs that overlap, a tenth of them twice; and stuff with a few mistakes."""
    found = []
    for n, centre in enumerate(centres + random.normal(0, 3, centres.shape)):
        label = int(kinds[n]) if random.random() < 0.95 else int(random.integers(1, 4))
        radius = RADIUS * random.uniform(0.8, 1.1)
        score = random.uniform(0.48, 1)  # some under the limit
        found.append(disc(centre, radius, score, label))
        if n % 10 == 0:
            found.append(disc(centre + random.normal(0, 3, 2), radius, score * 0.9, label))
    stuff = np.full((SIZE, SIZE), 4, np.uint16)
    stuff[SIZE // 2 + 20 :] = 5
    stuff[:1] = 6
    return found, stuff


def disc(centre: np.ndarray, radius: float, score: float, label: int) -> Detection:
    low = np.clip(np.ceil(centre - radius), 0, SIZE).astype(int)
    high = np.clip(np.floor(centre + radius) + 1, 0, SIZE).astype(int)
    y, x = np.ogrid[low[0] : high[0], low[1] : high[1]]
    mask = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2
    return Detection((int(low[0]), int(low[1])), mask, score, label)


def in_one_piece(found: Sequence[Detection]) -> list[Detection]:
    """Leave out objects that better ones cut in two: ours keep the larger piece, theirs both."""
    kept, taken = [], np.zeros((SIZE, SIZE), bool)
    for one in by_score(found):
        region = region_of(one)
        free = one.mask & ~taken[region]
        covered = free.sum() < (1 - OVERLAP) * one.mask.sum()
        if not covered and ndimage.label(free)[1] != 1:
            continue
        kept.append(one)
        if not covered:
            taken[region] |= free
    return kept


def by_score(found: Sequence[Detection]) -> list[Detection]:
    return sorted(found, key=lambda one: -one.score)


def region_of(one: Detection) -> tuple[slice, ...]:
    return tuple(slice(a, b) for a, b in zip(one.start, one.stop, strict=True))


def merged(found: Sequence[Detection], stuff: np.ndarray) -> Maps:
    parameters = {"threshold": SCORE, "mask_threshold": 0.5, "overlap": OVERLAP}
    parameters |= {"min_size": 0, "min_stuff": LEAST_STUFF}
    decoder = Decoder(method="objects", parameters=parameters)
    semantic, instance, _ = decode_scene(Scene(found, stuff), stuff.shape, CLASSES, decoder)
    return semantic, instance


def merged_by_masks(found: Sequence[Detection], stuff: np.ndarray) -> Panoptic:
    """Merge as the paper has it: whole-image masks, by falling score, then stuff."""
    ids, kinds = np.zeros(stuff.shape, np.uint32), {}
    for one in by_score(found):
        if one.score < SCORE:
            break
        mask = np.zeros(stuff.shape, bool)
        mask[region_of(one)] = one.mask
        free = mask & (ids == 0)
        area = np.count_nonzero(mask)
        if (area - np.count_nonzero(free)) / area > OVERLAP:
            continue
        kinds[len(kinds) + 1] = one.label
        ids[free] = len(kinds)
    for kind in [i for i in CLASSES if i not in THINGS]:
        free = (stuff == kind) & (ids == 0)
        if np.count_nonzero(free) >= max(LEAST_STUFF, 1):
            kinds[len(kinds) + 1] = kind
            ids[free] = len(kinds)
    return ids, kinds


def quality(true: Maps, pred: Maps, void: np.ndarray) -> dict[int, tuple]:
    sums = panoptic_quality(true, pred, things=THINGS, void=void)
    return {i: (s.iou_sum, s.tp, s.fp, s.fn) for i, s in sums.classes.items()}


def quality_by_sorting(true: Panoptic, pred: Panoptic) -> dict[int, tuple]:
    """Sum PQ as the paper defines it; pixels of no true segment are void."""
    (true_ids, true_kinds), (pred_ids, pred_kinds) = true, pred
    areas = [
        dict(zip(*(a.tolist() for a in np.unique(ids, return_counts=True)), strict=True))
        for ids in (true_ids, pred_ids)
    ]
    codes, counts = np.unique(true_ids.astype(np.uint64) << 32 | pred_ids, return_counts=True)
    shared = {
        (code >> 32, code & 0xFFFFFFFF): count
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True)
    }
    sums = {i: [0.0, 0, 0, 0] for i in {*true_kinds.values(), *pred_kinds.values()}}
    matched: tuple[set, set] = (set(), set())
    for (t, p), both in shared.items():
        if t and p and true_kinds[t] == pred_kinds[p]:
            iou = both / (areas[0][t] + areas[1][p] - both - shared.get((0, p), 0))
            if iou > 0.5:
                sums[true_kinds[t]][0] += iou
                sums[true_kinds[t]][1] += 1
                matched[0].add(t)
                matched[1].add(p)
    for p in pred_kinds.keys() - matched[1]:
        sums[pred_kinds[p]][2] += shared.get((0, p), 0) / areas[1][p] <= 0.5
    for t in true_kinds.keys() - matched[0]:
        sums[true_kinds[t]][3] += 1
    return {i: tuple(s) for i, s in sums.items()}


def to_panoptic(maps: Maps, void: np.ndarray | None = None) -> Panoptic:
    """Return one map of segments: the objects' ids, and one more for each class of stuff."""
    semantic, instance = maps
    ids, last = instance.copy(), int(instance.max())
    kinds = {i: kind for i, kind in enumerate(kinds_of(*maps).tolist()) if i and kind}
    for kind in [i for i in CLASSES if i not in THINGS]:
        here = semantic == kind
        if here.any():
            last += 1
            ids[here], kinds[last] = last, kind
    if void is not None:
        ids[void] = 0
        left = set(np.unique(ids).tolist())
        kinds = {i: kind for i, kind in kinds.items() if i in left}
    return ids, kinds


def kinds_of(semantic: np.ndarray, instance: np.ndarray) -> np.ndarray:
    """Return the class of each object, by its id; 0 of an id that does not occur."""
    kinds = np.zeros(int(instance.max()) + 1, np.uint16)
    kinds[instance] = semantic
    return kinds


def same_maps(maps: Maps, other: Panoptic) -> None:
    """Raise an error where two merged maps differ in any pixel."""
    ids, kinds = other
    semantic = np.array([0, *(kinds[i] for i in range(1, len(kinds) + 1))])[ids]
    objects = np.where(np.isin(semantic, THINGS), ids, 0)
    if not (np.array_equal(maps[0], semantic) and np.array_equal(maps[1], objects)):
        raise AssertionError("the merged maps differ")


def same_quality(one: dict[int, tuple], other: dict[int, tuple]) -> None:
    """Raise an error where counts differ, or sums of IoU by more than 1e-12 of a match."""
    for kind in CLASSES:
        mine, theirs = one[kind], other[kind]
        if mine[1:] != theirs[1:] or abs(mine[0] - theirs[0]) > 1e-12 * max(1, mine[1]):
            raise AssertionError(f"class {kind}: {mine} here, {theirs} by the peer")


def run() -> list[dict]:
    random = np.random.default_rng(0)
    true, centres, void = truth(random)
    found, stuff = prediction(random, centres, kinds_of(*true)[1:])
    found = in_one_piece(found)
    pred = merged(found, stuff)
    same_maps(pred, merged_by_masks(found, stuff))
    panoptic = to_panoptic(true, void), to_panoptic(pred)
    mine = quality(true, pred, void)
    same_quality(mine, quality_by_sorting(*panoptic))
    segments = f"{len(found)} objects, {len(panoptic[1][1])} segments left"
    times = [
        seconds(lambda: merged(found, stuff), rounds=5)
        + seconds(lambda: merged_by_masks(found, stuff), rounds=1),
        seconds(lambda: quality(true, pred, void), lambda: quality_by_sorting(*panoptic), rounds=3),
    ]
    matches = sum(s[1] for s in mine.values())
    rows = [
        row("panoptic merging / whole-image masks", *times[0], f"{segments}, equal maps"),
        row("PQ / sorted pairs", *times[1], f"{matches} matches, equal to 1e-12"),
    ]
    if MISSING:
        return [*rows, {"name": "panopticapi's own functions", "ratio": None, "note": MISSING}]
    categories = {
        i: {"id": i, "isthing": int(i in THINGS), "color": [40 * i, 240 - 35 * i, 128]}
        for i in CLASSES
    }
    rows.append(against_its_merging(found, stuff, pred, categories))
    rows.append(against_its_quality((true, pred, void), panoptic, categories))
    return rows


def row(name: str, mine: float, peer: float, note: str) -> dict:
    return {
        "name": name,
        "ours_s": mine,
        "peer_s": peer,
        "ratio": mine / peer,
        "target": TARGET,
        "note": note,
    }


def against_its_merging(
    found: Sequence[Detection], stuff: np.ndarray, maps: Maps, categories: dict[int, dict]
) -> dict:
    """Compare merging with panopticapi's, a file written by both."""
    with tempfile.TemporaryDirectory() as name, open(os.devnull, "w") as nowhere:
        folder = Path(name)
        arguments = merging_arguments(found, stuff, folder, categories)
        start = time.perf_counter()
        with contextlib.redirect_stdout(nowhere):
            (annotation,) = combine_to_panoptic_single_core(*arguments)
        theirs = time.perf_counter() - start  # once: it takes minutes
        segments = list(enumerate(annotation["segments_info"], start=1))
        numbers = np.zeros(1 << 24, np.uint32)  # its ids are colours
        numbers[[s["id"] for _, s in segments]] = [n for n, _ in segments]
        order = {n: s["category_id"] for n, s in segments}
        same_maps(maps, (numbers[read(folder / "m.bmp")], order))
        (mine,) = seconds(
            lambda: write(folder / "ours.bmp", to_panoptic(merged(found, stuff))[0]), rounds=3
        )
    return row("panoptic merging / panopticapi's", mine, theirs, "writing included, equal maps")


def against_its_quality(
    maps: tuple[Maps, Maps, np.ndarray],
    panoptic: tuple[Panoptic, Panoptic],
    categories: dict[int, dict],
) -> dict:
    """Compare PQ with panopticapi's, which is given pictures where it would read files."""
    names = ("true", "pred")
    pictures = {name: coloured(ids) for name, (ids, _) in zip(names, panoptic, strict=True)}
    described = [description(name, *one) for name, one in zip(names, panoptic, strict=True)]

    def theirs() -> dict[int, tuple]:
        with (
            open(os.devnull, "w") as nowhere,
            contextlib.redirect_stdout(nowhere),
            mock.patch("panopticapi.evaluation.Image.open", lambda path: pictures[path]),
        ):
            stat = pq_compute_single_core(0, [tuple(described)], "", "", categories)
        return {i: (stat[i].iou, stat[i].tp, stat[i].fp, stat[i].fn) for i in CLASSES}

    same_quality(quality(*maps), theirs())
    mine, peer = seconds(lambda: quality(*maps), theirs, rounds=3)
    return row("PQ / panopticapi's", mine, peer, "no files, equal to 1e-12")


def merging_arguments(
    found: Sequence[Detection], stuff: np.ndarray, folder: Path, categories: dict[int, dict]
) -> tuple:
    """Return what panopticapi's merging takes: masks as compressed runs, by falling score."""
    objects = [
        {"segmentation": runs(one.mask, one.start), "category_id": one.label}
        for one in by_score(found)
        if one.score >= SCORE
    ]
    regions = [
        {"segmentation": runs(stuff == kind, (0, 0)), "category_id": kind}
        for kind in CLASSES
        if kind not in THINGS
    ]
    image = {"height": SIZE, "width": SIZE, "file_name": "m.bmp"}
    limits = OVERLAP, LEAST_STUFF
    return (0, [1], {1: image}, {1: objects}, {1: regions}, str(folder), *limits, categories)


def runs(mask: np.ndarray, start: Sequence[int]) -> dict[str, Any]:
    """Return a mask of the image in COCO's compressed runs."""
    return encode(mask, tuple(start), (SIZE, SIZE))


def description(name: str, ids: np.ndarray, kinds: dict[int, int]) -> dict[str, Any]:
    """Return what COCO's JSON says of a map."""
    areas = np.bincount(ids.ravel())
    segments = [
        {"id": i, "category_id": kinds[i], "area": int(areas[i]), "iscrowd": 0} for i in kinds
    ]
    return {"image_id": 1, "file_name": name, "segments_info": segments}


def coloured(ids: np.ndarray) -> np.ndarray:
    return np.stack([ids & 255, ids >> 8 & 255, ids >> 16], axis=-1).astype(np.uint8)


def write(path: Path, ids: np.ndarray) -> None:
    Image.fromarray(coloured(ids)).save(path)


def read(path: Path) -> np.ndarray:
    four = np.asarray(Image.open(path).convert("RGBA"))  # a pixel's bytes are one number
    return four.view("<u4")[..., 0] & np.uint32(0xFFFFFF)
