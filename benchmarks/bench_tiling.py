"""Sliding-window prediction against MONAI's `sliding_window_inference`, Gaussian both.

Once with a network that costs nothing, which shows the cost of cutting and blending, and once
with a small U-Net. The same number of windows, and as many at a time; the result must be the
same where one window alone decides. (Elsewhere it is not: MONAI raises small weights to 0.001,
which gives the zero-padded border of a window more say.)
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from torch import Tensor, nn

from septum.inference.tiling import predict_tiled
from septum.networks.segmenter import Segmenter, build_segmenter

SIZE, TILE, OVERLAP, BATCH = 2048, 256, 0.25, 4
ROUNDS = 3


class Pointwise(nn.Module):
    """Three channels of a pixel's own value."""

    margin = 0
    stride = 1

    def legal_size(self, size: list[int]) -> tuple[int, ...]:
        """Return any size."""
        return tuple(size)

    def predict(self, images: Tensor) -> Tensor:
        """Return values that cost next to nothing."""
        return torch.cat([images, -images, images + 1], 1)


def unet() -> Segmenter:
    options = {"padded": True, "width": 16, "norm": "batch"}
    network = build_segmenter("unet", options, spatial_dims=2, in_channels=1, n_classes=2)
    return network.to(memory_format=torch.channels_last)


def ours(network: nn.Module, image: np.ndarray) -> np.ndarray:
    return predict_tiled(network, image, tile=(TILE, TILE), overlap=OVERLAP, batch=BATCH)


def peer(network: nn.Module, image: np.ndarray) -> np.ndarray:
    network.eval()
    with torch.inference_mode():
        result = sliding_window_inference(
            torch.from_numpy(image[None]),
            (TILE, TILE),
            BATCH,
            network.predict,
            overlap=OVERLAP,
            mode="gaussian",
            padding_mode="reflect",
        )
    return result[0].numpy()


def seconds(call: Callable[[], np.ndarray], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


def run() -> list[dict]:
    image = np.random.default_rng(0).normal(size=(1, SIZE, SIZE)).astype(np.float32)
    rows = []
    cases = (("a free network", Pointwise(), ROUNDS, None), ("a U-Net", unet(), 1, 1.1))
    for name, network, rounds, target in cases:
        gap = difference(network, image)
        if gap > 1e-5:
            raise AssertionError(f"differs from MONAI by {gap} under a single window")
        mine = seconds(lambda network=network: ours(network, image), rounds)
        monai = seconds(lambda network=network: peer(network, image), rounds)
        rows.append(
            {
                "name": f"sliding window {SIZE}², {name} / MONAI's",
                "ours_s": mine,
                "peer_s": monai,
                "ratio": mine / monai,
                "target": target,
                "note": f"tile {TILE}², overlap {OVERLAP}",
            }
        )
    return rows


def difference(network: nn.Module, image: np.ndarray) -> float:
    """Compare the pixels of the first of two by two windows that no other window covers."""
    step = int(TILE * (1 - OVERLAP))
    part = image[:, : TILE + step, : TILE + step]
    alone = (slice(None), slice(0, step), slice(0, step))
    return float(np.abs(ours(network, part)[alone] - peer(network, part)[alone]).max())


if __name__ == "__main__":
    for row in run():
        print(
            f"{row['name']}: {row['ours_s']:.3f} s / {row['peer_s']:.3f} s = "
            f"{row['ratio']:.3f} ({row['note']})"
        )
