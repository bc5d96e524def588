"""Overlap scores of two label maps, against StarDist's `matching` on the same maps.

Ours makes every overlap score from the maps: AP at ten thresholds, PQ, SEG, the counts, and the
kind of every object. The peer makes AP and PQ at the same ten thresholds. Both must find the
same matches. Single thread.
"""

from __future__ import annotations

import time

import numpy as np
from scipy.spatial import cKDTree
from stardist.matching import matching

from septum.metrics.errors import object_errors
from septum.metrics.matching import THRESHOLDS, match, seg_score
from septum.metrics.overlap import OverlapTable
from septum.metrics.panoptic import panoptic_sums

SIZE, OBJECTS, RADIUS = 2048, 2000, 26.0
ROUNDS = 5
TARGET = 0.1


def cells(seeds: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Return touching cells: each pixel goes to the nearest seed, if within its radius."""
    grid = np.stack(np.mgrid[:SIZE, :SIZE], axis=-1).reshape(-1, 2)
    distances, nearest = cKDTree(seeds).query(grid)
    labels = np.where(distances < radii[nearest], nearest + 1, 0)
    return labels.reshape(SIZE, SIZE).astype(np.uint16)


def maps() -> tuple[np.ndarray, np.ndarray]:
    """Return a truth, and a prediction that moves, loses and invents a few cells."""
    random = np.random.default_rng(0)
    seeds = random.uniform(0, SIZE, (OBJECTS, 2))
    radii = RADIUS * random.uniform(0.6, 1.2, OBJECTS)
    kept = random.random(OBJECTS) < 0.95
    extra = int((~kept).sum())
    found = seeds[kept] + random.normal(0, 3, (OBJECTS - extra, 2))
    invented = random.uniform(0, SIZE, (extra, 2))
    return cells(seeds, radii), cells(np.concatenate([found, invented]), radii)


def all_scores(true: np.ndarray, pred: np.ndarray) -> list[int]:
    """Compute every overlap score; return the matches at each threshold."""
    table = OverlapTable.from_labels(true, pred)
    found = [match(table, threshold=limit, convention="stardist") for limit in THRESHOLDS]
    panoptic_sums(table)
    seg_score(table)
    object_errors(table)
    return [matched.tp for matched in found]


def peer_scores(true: np.ndarray, pred: np.ndarray) -> list[int]:
    """Return StarDist's matches at each threshold."""
    return [int(found.tp) for found in matching(true, pred, thresh=THRESHOLDS)]


def run() -> list[dict]:
    true, pred = maps()
    calls = [all_scores, peer_scores]
    counts = [call(true, pred) for call in calls]  # compiles both, too
    if counts[0] != counts[1]:
        raise AssertionError(f"matches differ: {counts[0]} here, {counts[1]} by StarDist")
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, taken in zip(calls, times, strict=True):
            start = time.perf_counter()
            call(true, pred)
            taken.append(time.perf_counter() - start)
    ours, peer = (min(taken) for taken in times)
    objects = f"{len(np.unique(true)) - 1} and {len(np.unique(pred)) - 1} objects"
    return [
        {
            "name": f"overlap scores {SIZE}² / StarDist's matching",
            "ours_s": ours,
            "peer_s": peer,
            "ratio": ours / peer,
            "target": TARGET,
            "note": f"{objects}, {len(THRESHOLDS)} thresholds, the same matches",
        }
    ]


def main() -> None:
    for row in run():
        print(
            f"{row['name']}: {row['ours_s']:.3f} s / {row['peer_s']:.3f} s = {row['ratio']:.3f} "
            f"(target {row['target']:g}; {row['note']})"
        )


if __name__ == "__main__":
    main()
