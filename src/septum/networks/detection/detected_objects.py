"""The objects that a detector finds in one image."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass
class DetectedObjects:
    """The objects of one image, by falling score.

    Parameters
    ----------
    boxes : (n, 2 * axes) float32 Tensor
        In pixels of the image.
    scores : (n,) float32 Tensor
        Between 0 and 1.
    labels : (n,) int64 Tensor
        Channels: 1 and up.
    masks : (n, *bins) float32 Tensor or None
        How likely each bin of a box belongs to the object; None of a detector without masks.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    masks: Tensor | None
