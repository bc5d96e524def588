"""Tiled inference of detectors: the objects of an image of any size, and maps of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from septum.config.schema import ClassSpec
from septum.decoding.objects import HALF, Detection, Tile, join, resolve
from septum.decoding.panoptic import fill_with_stuff
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
    mask_thresholds: Sequence[float] = (HALF,),
    normalise: Callable[[np.ndarray], np.ndarray] | None = None,
    progress: bool = False,
) -> list[list[Detection]]:
    """Find the objects of an image window by window, each counted once.

    Parameters
    ----------
    detector : Detector
        On ``device``.
    image : (C, *spatial) array, numpy or zarr
    tile : sequence of int
        The network's input window in pixels; raised to a legal size, smaller for small images.
    overlap : float
        Fraction of a window shared with the next. An object that fits into the shared part is
        seen whole by one of the windows; a larger one is put together.
    batch : int
        Windows at a time.
    device : str or torch.device
    mask_thresholds : sequence of float
        Probabilities from which on a pixel may belong to an object, one after another.
    normalise : callable, optional
        From a raw window (C, *window) to the float32 one that the network is shown.
    progress : bool
        Show a bar on stderr once it has taken five seconds.

    Returns
    -------
    list of list of Detection
        Of each mask threshold, in pixels of the image.
    """
    device = torch.device(device)
    grid = plan_windows(detector, image.shape[1:], tile, overlap)
    places = list(itertools.product(*(range(len(axis.starts)) for axis in grid)))
    shape = tuple(axis.length for axis in grid)
    tiles: list[list[Tile]] = [[] for _ in mask_thresholds]
    with evaluating(detector), tile_bar(len(places), progress) as bar:
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
                for level, of_level in zip(mask_thresholds, tiles, strict=True):
                    objects = to_detections(one, start, stop, level)
                    of_level.append(Tile(start, stop, objects))
            bar.update(len(here))
    return [join(of_level, shape) for of_level in tiles]


@dataclass(frozen=True)
class Scene:
    """What a detector sees in an image.

    Parameters
    ----------
    found : list of Detection
        Labels are channels, the classes by ascending id.
    stuff : (*spatial) integer array, optional
        Class of each pixel, were it none of an object's; None of detectors that know no stuff.
    """

    found: list[Detection]
    stuff: np.ndarray | None = None


def decode_scene(
    scene: Scene,
    shape: Sequence[int],
    classes: Mapping[int, ClassSpec],
    *,
    threshold: float,
    overlap: float,
    min_size: int,
    min_stuff: int | None = None,
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Return the class map (uint16), the instance map (uint32) and the scores of objects.

    Parameters
    ----------
    scene : Scene
        Of an image of this shape.
    shape : sequence of int
    classes : mapping of int to ClassSpec
        The foreground classes by their id.
    threshold, overlap, min_size
        Of objects (`septum.decoding.objects.resolve`).
    min_stuff : int, optional
        Of stuff (`septum.decoding.panoptic.fill_with_stuff`).
    """
    ids = np.array([0, *sorted(classes)], np.uint16)
    # a detector has a channel for each class, and has seen no object of stuff
    found = [one for one in scene.found if classes[int(ids[one.label])].kind == "thing"]
    instance, labels, scores = resolve(
        found, shape, threshold=threshold, overlap=overlap, min_size=min_size
    )
    semantic = ids[np.array([0, *labels])][instance]
    if scene.stuff is not None:
        semantic = fill_with_stuff(semantic, scene.stuff, min_stuff or 0)
    return semantic, instance, scores
