"""The heads of detectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from septum.heads.base import Regression, RegressionHead


class Objects(Regression):
    """The instance ids, from which a detector computes its targets; there is no output channel."""

    @staticmethod
    def channels(spatial_dims: int) -> int:
        """Return 0."""
        return 0

    @staticmethod
    def target(instance: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
        """Return the ids (1, *spatial), exact below 2^24 (see `Regression.target`)."""
        return instance[None].astype(np.float32)

    @staticmethod
    def losses(outputs: Tensor, target: Tensor, valid: Tensor) -> dict[str, Tensor]:
        """Return no losses, since a detector computes its own."""
        return {}

    @staticmethod
    def activate(outputs: Tensor) -> Tensor:
        """Return the outputs, which have no channel."""
        return outputs

    @staticmethod
    def undo_symmetry(
        spatial_dims: int, order: Sequence[int], flips: Sequence[int]
    ) -> tuple[list[int], list[float]] | None:
        """Return None, since objects are not averaged."""
        return None


class DetectionHead(RegressionHead):
    """The head of detectors of objects (`Objects`)."""

    regression = Objects


class PanopticHead(DetectionHead):
    """The head of detectors that also classify pixels."""
