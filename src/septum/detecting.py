"""Tiled inference of detectors: the objects of an image of any size, and maps of them."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from septum.config import ClassSpec
from septum.detections import Detection, Tile, join, resolve
from septum.detector import Detector, to_detections
from septum.windows import plan_windows, read_window


def detect_tiled(
    detector: Detector,
    image: Any,
    *,
    tile: Sequence[int],
    overlap: float,
    batch: int,
    device: str | torch.device,
    normalise: Callable[[np.ndarray], np.ndarray] | None = None,
    progress: bool = False,
) -> list[Detection]:
    """Find the objects of an image window by window, each counted once.

    Parameters
    ----------
    detector : Detector
        On ``device``, in evaluation mode.
    image : (C, *spatial) array, numpy or zarr
    tile : sequence of int
        The network's input window in pixels; raised to a legal size, smaller for small images.
    overlap : float
        Fraction of a window shared with the next. An object that fits into the shared part is
        seen whole by one of the windows; a larger one is put together.
    batch : int
        Windows at a time.
    device : str or torch.device
    normalise : callable, optional
        From a raw window (C, *window) to the float32 one that the network is shown.
    progress : bool
        Show a bar on stderr once it has taken five seconds.

    Returns
    -------
    list of Detection
        In pixels of the image.
    """
    device = torch.device(device)
    grid = plan_windows(detector, image.shape[1:], tile, overlap)
    places = list(itertools.product(*(range(len(axis.starts)) for axis in grid)))
    shape = tuple(axis.length for axis in grid)
    tiles: list[Tile] = []
    with tqdm(
        total=len(places),
        unit="tile",
        delay=5,
        mininterval=0.5 if sys.stderr.isatty() else 60,
        disable=not progress,
        file=sys.stderr,
    ) as bar:
        for first in range(0, len(places), batch):
            here = places[first : first + batch]
            windows = np.stack([read_window(image, grid, place, normalise) for place in here])
            with (
                torch.inference_mode(),
                torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"),
            ):
                found = detector.detect(torch.from_numpy(windows).to(device))
            for place, one in zip(here, found, strict=True):
                start = tuple(axis.starts[i] for axis, i in zip(grid, place, strict=True))
                ends = zip(grid, start, strict=True)
                stop = tuple(min(a + axis.tile, axis.length) for axis, a in ends)
                tiles.append(Tile(start, stop, to_detections(one, start, stop)))
            bar.update(len(here))
    return join(tiles, shape)


def decode_detections(
    found: Sequence[Detection],
    shape: Sequence[int],
    classes: Mapping[int, ClassSpec],
    *,
    threshold: float,
    min_size: int | None,
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Return the class map (uint16), the instance map (uint32) and the scores of objects.

    Parameters
    ----------
    found : sequence of Detection
        Of an image of this shape; labels are channels, the classes by ascending id.
    shape : sequence of int
    classes : mapping of int to ClassSpec
        The foreground classes by their id.
    threshold : float
        Score from which on an object counts.
    min_size : int
        Instances of fewer pixels are removed.
    """
    instance, labels, scores = resolve(found, shape, threshold=threshold, min_size=min_size or 0)
    ids = np.array([0, *sorted(classes)], np.uint16)
    return ids[np.array([0, *labels])][instance], instance, scores
