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
        Boxes in pixels of the image.
    scores : (n,) float32 Tensor
        Scores between 0 and 1.
    labels : (n,) int64 Tensor
        Class channels, from 1.
    masks : (n, *bins) float32 Tensor or None
        Probability that each bin of a box belongs to the object; None if the detector has no
        masks.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    masks: Tensor | None
