"""The heads of networks that find objects one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from septum.heads.base import Regression, RegressionHead


class Objects(Regression):
    """The instance ids themselves: a detector reads its objects from them. No channel."""

    @staticmethod
    def channels(spatial_dims: int) -> int:
        """Return 0."""
        return 0

    @staticmethod
    def target(instance: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
        """Return the ids (1, *spatial) as they are, exact below 2^24 (see `Regression.target`)."""
        return instance[None].astype(np.float32)

    @staticmethod
    def losses(outputs: Tensor, target: Tensor, known: Tensor) -> dict[str, Tensor]:
        """Return none: a detector has its own."""
        return {}

    @staticmethod
    def activate(outputs: Tensor) -> Tensor:
        """Return what there is of them: no channel."""
        return outputs

    @staticmethod
    def turned_back(
        spatial_dims: int, order: Sequence[int], flips: Sequence[int]
    ) -> tuple[list[int], list[float]] | None:
        """Return None: objects are no maps to be averaged."""
        return None


class DetectionHead(RegressionHead):
    """Objects one by one (`Objects`), of detectors only."""

    regression = Objects


class PanopticHead(DetectionHead):
    """Objects one by one, and the classes of pixels beside them."""
