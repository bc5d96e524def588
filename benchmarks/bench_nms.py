"""Non-maximum suppression against the plain greedy loop, and torchvision's where that loads.

The loop compares the best box that is left with all that are left, in NumPy, until none is. All
must keep the same boxes. Boxes come as a detector has them: several around each object. How the
time grows from 1,000 to 10,000 boxes is shown, too.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from timing import seconds
from torch import Tensor

from septum.networks.detection.nms import nms

try:
    from torchvision import ops
except (ImportError, RuntimeError) as error:  # its kernels do not load beside this torch
    ops, MISSING = None, f"torchvision cannot be imported ({str(error).splitlines()[0]})"

THRESHOLD, AROUND = 0.5, 5
COUNTS = (1000, 10000)
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def scene(count: int, axes: int = 2) -> tuple[Tensor, Tensor]:
    """Return boxes, several around each object, on whole pixels; and their scores."""
    random = np.random.default_rng(0)
    objects = count // AROUND
    side = 40 * objects ** (1 / axes)  # as dense whatever their number
    centre = np.repeat(random.uniform(0, side, (objects, axes)), AROUND, 0)
    half = np.repeat(random.uniform(8, 20, (objects, axes)), AROUND, 0)
    centre += random.normal(0, 2, centre.shape)
    half *= random.uniform(0.8, 1.25, half.shape)
    boxes = np.concatenate([centre - half, centre + half], axis=1).round()
    # scores that are all different: the order of equal ones is nobody's rule
    return torch.from_numpy(boxes).float(), torch.from_numpy(random.permutation(count) / count)


def greedy(boxes: np.ndarray, scores: np.ndarray) -> list[int]:
    """Return the boxes that stay: of those left, the best, and out with what it overlaps."""
    axes = boxes.shape[1] // 2
    left, kept = np.argsort(-scores, kind="stable"), []
    sizes = (boxes[:, axes:] - boxes[:, :axes]).prod(axis=1)
    while left.size:
        best, left = left[0], left[1:]
        kept.append(int(best))
        start = np.maximum(boxes[best, :axes], boxes[left, :axes])
        stop = np.minimum(boxes[best, axes:], boxes[left, axes:])
        shared = (stop - start).clip(min=0).prod(axis=1)
        left = left[shared / (sizes[best] + sizes[left] - shared) <= THRESHOLD]
    return kept


def processor_seconds(boxes: Tensor, scores: Tensor) -> float:
    """Return the least processor time of many rounds: other work would lengthen the longer one."""
    taken = []
    for _ in range(30):
        start = time.process_time()
        nms(boxes, scores, THRESHOLD)
        taken.append(time.process_time() - start)
    return min(taken)


def run() -> list[dict]:
    rows, taken = [], []
    for count in COUNTS:
        boxes, scores = scene(count)
        arrays = boxes.double().numpy(), scores.numpy()
        wanted, kept = greedy(*arrays), nms(boxes, scores, THRESHOLD).tolist()
        if kept != wanted:
            raise AssertionError(f"keeps {len(kept)} boxes of {count}, the loop {len(wanted)}")
        mine, peer = seconds(
            lambda boxes=boxes, scores=scores: nms(boxes, scores, THRESHOLD),
            lambda arrays=arrays: greedy(*arrays),
            rounds=5,
        )
        taken.append(processor_seconds(boxes, scores))
        rows.append(
            {
                "name": f"NMS of {count:,} boxes / loop",
                "ours_s": mine,
                "peer_s": peer,
                "ratio": mine / peer,
                "target": 0.1,
                "note": f"the same {len(kept):,} boxes kept",
            }
        )
        rows.append(against_torchvision(boxes, scores, kept))
    few, many = COUNTS
    rows.append(
        {
            "name": f"NMS of {many:,} / of {few:,} boxes",
            "ours_s": taken[1],
            "peer_s": taken[0],
            "ratio": taken[1] / taken[0],
            "target": 3 * many / few,
            "note": "100, were each compared with each",
        }
    )
    return rows


def against_torchvision(boxes: Tensor, scores: Tensor, kept: list[int]) -> dict:
    row = {"name": f"NMS of {len(boxes):,} boxes / torchvision's, {DEVICE}", "ratio": None}
    if ops is None:
        return {**row, "note": f"skipped: {MISSING}"}
    boxes, scores = boxes[:, [1, 0, 3, 2]].to(DEVICE), scores.float().to(DEVICE)
    if ops.nms(boxes, scores, THRESHOLD).tolist() != kept:
        raise AssertionError(f"torchvision keeps other boxes of {len(boxes)}")
    mine, peer = seconds(
        lambda: nms(boxes, scores, THRESHOLD),
        lambda: ops.nms(boxes, scores, THRESHOLD),
        rounds=5,
    )
    return {**row, "ours_s": mine, "peer_s": peer, "ratio": mine / peer, "note": "the same kept"}
