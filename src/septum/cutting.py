"""Cutting pieces out of training cases.

A piece may hang over the border of its case: there the case is mirrored (the border pixel is
not repeated, as in the overlap-tile strategy of the U-Net paper), and its pixels have no class
(-1, which losses leave out).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from septum.losses import IGNORE
from septum.normalise import normalise
from septum.trainingset import TrainingCase
from septum.windows import mirrored

Window = tuple[tuple[int, ...], tuple[int, ...]]
"""First pixel (may be negative) and extent of a piece of an image."""


def read_window(array: Any, window: Window) -> np.ndarray:
    """Read a window of the last axes of an array, mirrored beyond its borders.

    Parameters
    ----------
    array : array-like, shape (..., *spatial)
        Numpy or zarr; only the part under the window is read.
    window : Window
        First pixel and extent along each spatial axis.

    Returns
    -------
    ndarray, shape (..., *extent)
    """
    start, extent = window
    lead = (slice(None),) * (len(array.shape) - len(start))
    size = array.shape[len(lead) :]
    if all(a >= 0 and a + w <= n for a, w, n in zip(start, extent, size, strict=True)):
        inside = tuple(slice(a, a + w) for a, w in zip(start, extent, strict=True))
        return np.asarray(array[lead + inside])
    index = [mirrored(np.arange(a, a + w), n) for a, w, n in zip(start, extent, size, strict=True)]
    hull = tuple(slice(int(i.min()), int(i.max()) + 1) for i in index)
    block = np.asarray(array[lead + hull])
    local = [i - h.start for i, h in zip(index, hull, strict=True)]
    return block[(..., *np.ix_(*local))]


def cut(case: TrainingCase, window: Window, scheme: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Cut a window out of a case.

    Returns
    -------
    dict
        ``image`` (C, *extent) float32, normalised by the case's statistics; ``classes``
        (*extent) int16, -1 outside the case; ``weights`` (*extent) float32, if there are any.
    """
    image = normalise(read_window(case.image, window), case.statistics, scheme)
    classes = read_window(case.classes, window).astype(np.int16)
    for axis, (start, extent) in enumerate(zip(*window, strict=True)):
        place = np.arange(start, start + extent)
        outside = (place < 0) | (place >= case.shape[axis])
        if outside.any():
            classes[(slice(None),) * axis + (outside,)] = IGNORE
    piece = {"image": image.astype(np.float32, copy=False), "classes": classes}
    if case.weights is not None:
        piece["weights"] = read_window(case.weights, window).astype(np.float32, copy=False)
    return piece


def to_tensors(piece: Mapping[str, np.ndarray | Tensor]) -> dict[str, Tensor]:
    """Return a piece as the tensors a `Segmenter` takes (classes int64)."""
    tensors = {key: torch.as_tensor(np.ascontiguousarray(v)) for key, v in piece.items()}
    return {**tensors, "classes": tensors["classes"].long()}
