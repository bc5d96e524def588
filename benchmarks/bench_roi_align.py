"""RoIAlign against a straightforward loop, and against torchvision's kernel where that loads.

The loop goes over boxes, bins and sampled points, and reads the 4 (8 in 3-D) features around
each, all channels at a time, in NumPy. Values must be the same: in double precision to 1e-10
of all, in single precision to what the coordinates' rounding gives. torchvision knows two axes
only, and is compared on the GPU where there is one.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from timing import seconds
from torch import Tensor

from septum.networks.detection.roi_align import roi_align

try:
    from torchvision import ops
except (ImportError, RuntimeError) as error:  # its kernels do not load beside this torch
    ops, MISSING = None, f"torchvision cannot be imported ({str(error).splitlines()[0]})"

RATIO = 2
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# features (N, C, *spatial), stride, boxes, bins along each axis, largest box in pixels
LOOPED = [
    ("2-D", (2, 64, 128, 128), 4, 100, 7, 80),
    ("3-D", (1, 32, 16, 32, 32), 4, 20, 5, 40),
]
KERNEL = ("2-D", (2, 64, 256, 256), 4, 2000, 7, 120)


def scene(shape: tuple, stride: int, count: int, largest: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return features, boxes (some of which reach beyond the image) and their images."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(shape, generator=generator, dtype=torch.float64)
    axes = len(shape) - 2
    extent = torch.tensor(shape[2:], dtype=torch.float64) * stride
    centres = torch.rand(count, axes, generator=generator, dtype=torch.float64) * extent
    half = (torch.rand(count, axes, generator=generator, dtype=torch.float64) * largest + 4) / 2
    images = torch.randint(shape[0], (count,), generator=generator)
    return features, torch.cat([centres - half, centres + half], dim=1), images


def looped(
    features: np.ndarray, boxes: np.ndarray, images: np.ndarray, bins: int, stride: int
) -> np.ndarray:
    """Return RoIAlign (``aligned``) of every box, bin and point, one after the other."""
    axes, extent = features.ndim - 2, features.shape[2:]
    found = np.zeros((len(boxes), features.shape[1], *(bins,) * axes), features.dtype)
    for k, (box, image) in enumerate(zip(boxes / stride - 0.5, images, strict=True)):
        step = (box[axes:] - box[:axes]) / (bins * RATIO)
        for bin_ in itertools.product(range(bins), repeat=axes):
            for point in itertools.product(range(RATIO), repeat=axes):
                at = [box[a] + (bin_[a] * RATIO + point[a] + 0.5) * step[a] for a in range(axes)]
                if all(-1 <= at[a] <= extent[a] for a in range(axes)):
                    found[(k, slice(None), *bin_)] += interpolated(features[image], at)
    return found / RATIO**axes


def interpolated(features: np.ndarray, at: list[float]) -> np.ndarray:
    """Return the features (C, *spatial) between those around a point."""
    total = np.zeros(features.shape[0], features.dtype)
    at = [min(max(p, 0.0), n - 1.0) for p, n in zip(at, features.shape[1:], strict=True)]
    for corner in itertools.product((0, 1), repeat=len(at)):
        weight, where = 1.0, []
        for p, up, n in zip(at, corner, features.shape[1:], strict=True):
            low = int(p)
            weight *= p - low if up else 1 - (p - low)
            where.append(min(low + up, n - 1))
        total += weight * features[(slice(None), *where)]
    return total


def ours(features: Tensor, boxes: Tensor, images: Tensor, bins: int, stride: int) -> Tensor:
    size = (bins,) * (features.ndim - 2)
    return roi_align(features, boxes, images, size, scale=1 / stride, sampling_ratio=RATIO)


def torchvisions(features: Tensor, boxes: Tensor, images: Tensor, bins: int, stride: int) -> Tensor:
    # it wants (image, x0, y0, x1, y1)
    rows = torch.cat([images[:, None].to(boxes.dtype), boxes[:, [1, 0, 3, 2]]], dim=1)
    return ops.roi_align(features, rows, bins, 1 / stride, RATIO, aligned=True)


def differ(one: Tensor, other: Tensor, limit: float, peer: str) -> float:
    """Return the largest difference; an error where it is above the limit."""
    gap = float((one - other).abs().max())
    if gap > limit:
        raise AssertionError(f"differs from {peer} by {gap}")
    return gap


def against_loop(name: str, shape: tuple, stride: int, count: int, bins: int, most: float) -> dict:
    features, boxes, images = scene(shape, stride, count, most)
    arrays = features.numpy(), boxes.numpy(), images.numpy()
    wanted = torch.from_numpy(looped(*arrays, bins, stride))
    gap = differ(ours(features, boxes, images, bins, stride), wanted, 1e-10, "the loop")
    mine, peer = seconds(
        lambda: ours(features, boxes, images, bins, stride),
        lambda: looped(*arrays, bins, stride),
        rounds=2,
    )
    return {
        "name": f"RoIAlign {name} / loop",
        "ours_s": mine,
        "peer_s": peer,
        "ratio": mine / peer,
        "target": 0.1,
        "note": f"{count} boxes, {bins} bins an axis, {shape[1]} channels, differs by {gap:.0e}",
    }


def against_torchvision(
    name: str, shape: tuple, stride: int, count: int, bins: int, most: float
) -> dict:
    row = {"name": f"RoIAlign {name} / torchvision's, {DEVICE}", "ratio": None}
    if ops is None:
        return {**row, "note": f"skipped: {MISSING}"}
    double = [tensor.to(DEVICE) for tensor in scene(shape, stride, count, most)]
    single = [double[0].float(), double[1].float(), double[2]]
    exact = differ(ours(*double, bins, stride), torchvisions(*double, bins, stride), 1e-10, "it")
    # coordinates in single precision are off by 1e-5 of a feature
    gap = differ(ours(*single, bins, stride), torchvisions(*single, bins, stride), 1e-3, "it")
    mine, peer = seconds(
        lambda: ours(*single, bins, stride), lambda: torchvisions(*single, bins, stride), rounds=5
    )
    note = f"{count} boxes, float32, differs by {gap:.0e} (float64: {exact:.0e})"
    return {**row, "ours_s": mine, "peer_s": peer, "ratio": mine / peer, "note": note}


def run() -> list[dict]:
    return [*(against_loop(*case) for case in LOOPED), against_torchvision(*KERNEL)]
