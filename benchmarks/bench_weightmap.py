"""Border weight maps, against Euclidean distance transforms by SciPy on the same frames.

The peers: one `scipy.ndimage.distance_transform_edt` of the whole frame (which finds one
distance where the weight map needs two), and the usual way to compute the map exactly, one
transform an object, cropped to where the border term is not negligible. Single thread.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
from scipy import ndimage

from septum.losses.border_weights import border_weight_map

W0, SIGMA = 10.0, 5.0
REACH = SIGMA * math.sqrt(2 * math.log(W0 / 1e-7))
ROUNDS = 5

# name, shape, spacing, objects, their radius in units of spacing, target against one EDT
FRAMES = [
    ("2048², 2,000", (2048, 2048), (1.0, 1.0), 2000, 12.0, 1.5),
    ("2048², 10,000", (2048, 2048), (1.0, 1.0), 10000, 6.0, 1.5),
    ("64×128×128, 277", (64, 128, 128), (3.0, 1.0, 1.0), 277, 8.0, 1.0),
]


def balls(
    shape: tuple[int, ...], spacing: tuple[float, ...], count: int, radius: float
) -> np.ndarray:
    """Return a map of discs or balls at random places; later ones lie behind earlier ones."""
    random = np.random.default_rng(0)
    labels = np.zeros(shape, np.int32)
    for label in range(1, count + 1):
        reach = radius * random.uniform(0.6, 1.2)
        centre = [random.uniform(0, n) for n in shape]
        window = tuple(
            slice(max(0, math.floor(c - reach / s)), math.ceil(c + reach / s) + 1)
            for c, s in zip(centre, spacing, strict=True)
        )
        part = labels[window]
        square = 0.0
        for axis, (c, s, w) in enumerate(zip(centre, spacing, window, strict=True)):
            offset = (np.arange(part.shape[axis]) + w.start - c) * s
            square = square + np.expand_dims(offset**2, [a for a in range(len(shape)) if a != axis])
        part[(square < reach**2) & (part == 0)] = label
    return labels


def cropped_transforms(labels: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """Return the same map from one cropped distance transform an object."""
    d1, d2 = np.full(labels.shape, np.inf), np.full(labels.shape, np.inf)
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        crop = tuple(
            slice(max(0, b.start - math.ceil(REACH / s)), b.stop + math.ceil(REACH / s))
            for b, s in zip(box, spacing, strict=True)
        )
        d = ndimage.distance_transform_edt(labels[crop] != label, sampling=spacing)
        d2[crop] = np.minimum(d2[crop], np.maximum(d1[crop], d))
        d1[crop] = np.minimum(d1[crop], d)
    outside = labels == 0
    share = np.array([outside.mean(), 1 - outside.mean()])
    weights = 1 / (2 * share[(~outside).astype(np.intp)])
    return weights + outside * W0 * np.exp(-((d1 + d2) ** 2) / (2 * SIGMA**2))


def seconds(*calls: Callable[[], object]) -> list[float]:
    """Return the best of some rounds of each call, taken in turns."""
    times = [[math.inf] for _ in calls]
    for _ in range(ROUNDS):
        for call, taken in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
    return [min(taken) for taken in times]


def run() -> list[dict]:
    border_weight_map(np.eye(3, dtype=np.int32))  # compiles, or loads the machine code
    rows = []
    for name, shape, spacing, count, radius, target in FRAMES:
        labels = balls(shape, spacing, count, radius)
        background = labels == 0
        found = len(np.unique(labels)) - 1
        ours, edt = seconds(
            lambda labels=labels, spacing=spacing: border_weight_map(labels, spacing=spacing),
            lambda background=background, spacing=spacing: ndimage.distance_transform_edt(
                background, sampling=spacing
            ),
        )
        start = time.perf_counter()
        expected = cropped_transforms(labels, spacing)
        cropped = time.perf_counter() - start
        error = np.abs(border_weight_map(labels, spacing=spacing) - expected).max()
        if error > 1e-5:
            raise AssertionError(f"{name}: differs by {error} from one transform an object")
        note = f"{found} objects seen, spacing {spacing}, differs by {error:.0e}"
        for peer, taken, limit in (
            ("one EDT", edt, target),
            ("cropped EDTs", cropped, 1.0),
        ):
            rows.append(
                {
                    "name": f"weight map {name} objects / {peer}",
                    "ours_s": ours,
                    "peer_s": taken,
                    "ratio": ours / taken,
                    "target": limit,
                    "note": note,
                }
            )
    return rows


def main() -> None:
    for row in run():
        print(
            f"{row['name']}: {row['ours_s']:.3f} s / {row['peer_s']:.3f} s = "
            f"{row['ratio']:.3f} (target {row['target']:g}; {row['note']})"
        )


if __name__ == "__main__":
    main()
