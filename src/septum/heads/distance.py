"""The distance head: classes, and the distance to the border of the instance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from septum.heads.base import Regression, RegressionHead
from septum.instances.relative_depth import relative_depth
from septum.losses.logits import binary_cross_entropy


class Distance(Regression):
    """Distance to the border of the object, relative to its largest value: 1 channel."""

    @staticmethod
    def channels(spatial_dims: int) -> int:
        """Return 1."""
        return 1

    @staticmethod
    def target(instance: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
        """Return the relative depth (see `Regression.target`)."""
        return relative_depth(instance, spacing)[None]

    @staticmethod
    def losses(outputs: Tensor, target: Tensor, valid: Tensor) -> dict[str, Tensor]:
        """Return ``distance``, a cross-entropy that is lowest if output and target are equal."""
        return {"distance": binary_cross_entropy(outputs[:, 0], target[:, 0], valid)}

    @staticmethod
    def activate(outputs: Tensor) -> Tensor:
        """Return values between 0 and 1."""
        return torch.sigmoid(outputs)

    @staticmethod
    def undo_symmetry(
        spatial_dims: int, order: Sequence[int], flips: Sequence[int]
    ) -> tuple[list[int], list[float]] | None:
        """Return the channel unchanged, since a distance has no direction."""
        return [0], [1.0]


class DistanceHead(RegressionHead):
    """Background, classes, and the relative `Distance` to the border of the instance."""

    regression = Distance
