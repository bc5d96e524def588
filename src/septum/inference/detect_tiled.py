"""Tiled inference of detectors: the objects of an image of any size."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from septum.decoding.objects import MASK_THRESHOLD, Detection
from septum.inference.merge_tiles import Tile, merge_tiles
from septum.inference.tile_grid import plan_windows, read_window
from septum.inference.tiling import evaluating, tile_bar
from septum.networks.detector import Detector, to_detections


def detect_tiled(
    detector: Detector,
    image: Any,
    *,
    tile: Sequence[int],
    overlap: float,
    batch: int,
    device: str | torch.device,
    mask_thresholds: Sequence[float] = (MASK_THRESHOLD,),
    normalise: Callable[[np.ndarray], np.ndarray] | None = None,
    progress: bool = False,
) -> list[list[Detection]]:
    """Detect the objects of an image window by window, each object once.

    Parameters
    ----------
    detector : Detector
        The network, on ``device``.
    image : (C, *spatial) array, numpy or zarr
    tile : sequence of int
        The network's input window in pixels; raised to a legal size, smaller for small images.
    overlap : float
        Fraction of a window shared with the next. An object that fits into the shared part is
        complete in one of the windows; larger objects are merged from several windows.
    batch : int
        Number of windows that are predicted at once.
    device : str or torch.device
    mask_thresholds : sequence of float
        Probabilities above which a pixel of a mask belongs to the object.
    normalise : callable, optional
        Converts a raw window (C, *window) to the float32 input of the network.
    progress : bool
        Whether to show a bar on stderr once the detection has taken five seconds.

    Returns
    -------
    list of list of Detection
        The objects for each mask threshold, in pixels of the image.
    """
    device = torch.device(device)
    grid = plan_windows(detector, image.shape[1:], tile, overlap)
    places = list(itertools.product(*(range(len(axis.starts)) for axis in grid)))
    shape = tuple(axis.length for axis in grid)
    tiles: list[list[Tile]] = [[] for _ in mask_thresholds]
    with evaluating(detector), tile_bar(len(places), progress) as bar:
        for first in range(0, len(places), batch):
            batch_places = places[first : first + batch]
            windows = np.stack(
                [read_window(image, grid, place, normalise) for place in batch_places]
            )
            with (
                torch.inference_mode(),
                torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"),
            ):
                detected = detector.detect(torch.from_numpy(windows).to(device))
            for place, of_window in zip(batch_places, detected, strict=True):
                start = tuple(axis.starts[i] for axis, i in zip(grid, place, strict=True))
                ends = zip(grid, start, strict=True)
                stop = tuple(min(a + axis.tile, axis.length) for axis, a in ends)
                for level, of_level in zip(mask_thresholds, tiles, strict=True):
                    objects = to_detections(of_window, start, stop, level)
                    of_level.append(Tile(start, stop, objects))
            bar.update(len(batch_places))
    return [merge_tiles(of_level, shape) for of_level in tiles]
