"""Windows cut out of training cases.

A window may reach beyond the border of its case. There the image is mirrored
(`septum.data.windows`), and the pixels have class -1, which losses ignore, and instance -1, so
that an object which touches the border does not end there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from septum.config.schema import IntensityScheme
from septum.data.intensity import normalise
from septum.data.windows import read_mirrored
from septum.heads.base import Regression
from septum.losses.logits import IGNORE
from septum.stages.train.cases import TrainingCase

Window = tuple[tuple[int, ...], tuple[int, ...]]
"""First pixel (may be negative) and extent of a piece of an image."""


def cut(case: TrainingCase, window: Window, scheme: IntensityScheme) -> dict[str, np.ndarray]:
    """Cut a window out of a case.

    Returns
    -------
    dict
        ``image`` (C, *extent) float32, normalised by the case's statistics; ``classes``
        (*extent) int16, -1 outside the case and where void; if the case has them, ``weights``
        (*extent) float32 and ``instance`` (*extent) int32, 0 where void and -1 outside the case.
    """
    image = normalise(read_mirrored(case.image, *window), case.statistics, scheme)
    classes = read_mirrored(case.classes, *window).astype(np.int16)
    outside = _outside(case.shape, window)
    classes[outside] = IGNORE
    piece = {"image": image.astype(np.float32, copy=False), "classes": classes}
    if case.weights is not None:
        piece["weights"] = read_mirrored(case.weights, *window).astype(np.float32, copy=False)
    if case.instance is not None:
        ids = read_mirrored(case.instance, *window)
        # renumbered, since float32 holds small numbers exactly while a patch is resized
        distinct, numbers = np.unique(ids, return_inverse=True)
        numbers = numbers.reshape(ids.shape) + (distinct[0] != 0)
        numbers[classes == IGNORE] = 0
        numbers[outside] = -1
        piece["instance"] = numbers.astype(np.int32)
    return piece


def _outside(shape: Sequence[int], window: Window) -> np.ndarray:
    """Return the mask of the pixels of a window that lie outside its case, (*extent) bool."""
    outside = np.zeros(window[1], bool)
    for axis, (start, extent) in enumerate(zip(*window, strict=True)):
        place = np.arange(start, start + extent)
        outside[(slice(None),) * axis + ((place < 0) | (place >= shape[axis]),)] = True
    return outside


def with_regression(
    patch: dict[str, Tensor], regression: type[Regression] | None, spacing: Sequence[float]
) -> dict[str, Tensor]:
    """Replace a patch's instance ids by the regression targets computed from them.

    Returns
    -------
    dict
        ``regression`` (R, *size) float32 in place of ``instance``.
    """
    if regression is None:
        return patch
    patch = dict(patch)
    instance = patch.pop("instance").numpy()
    return {**patch, "regression": torch.from_numpy(regression.target(instance, spacing))}


def to_tensors(piece: Mapping[str, np.ndarray | Tensor]) -> dict[str, Tensor]:
    """Convert the arrays of a window to the tensors that a `Segmenter` takes (classes int64)."""
    tensors = {key: torch.as_tensor(np.ascontiguousarray(v)) for key, v in piece.items()}
    return {**tensors, "classes": tensors["classes"].long()}
