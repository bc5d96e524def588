"""What a head learns beside classes: maps of numbers that tell touching objects apart.

Each is learnt from the instance ids of a patch, and decoded by `septum.decoding.decode`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from septum.heads.flows import flow_targets
from septum.heads.starconvex import RAYS, directions, relative_depth, star_targets

FLOW_SCALE = 5.0
"""Flows are learnt five times as long, as in the Cellpose paper."""
RAY_WEIGHT = 0.2
"""Weight of the rays' loss beside that of the probability, as in the StarDist paper."""


class Regression(ABC):
    """Channels of numbers, their target, loss and activation."""

    @staticmethod
    @abstractmethod
    def channels(spatial_dims: int) -> int:
        """Return the number of channels R."""

    @staticmethod
    @abstractmethod
    def target(instance: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
        """Return the maps to be learnt.

        Parameters
        ----------
        instance : (*spatial) integer array
            Instance ids, 0 for none, -1 outside the case (`septum.stages.train.crop`). An object
            that the patch cuts is what is left of it.
        spacing : sequence of float
            Size of a pixel along each axis.

        Returns
        -------
        (R, *spatial) float32 array
        """

    @staticmethod
    @abstractmethod
    def losses(outputs: Tensor, target: Tensor, known: Tensor) -> dict[str, Tensor]:
        """Return the parts of the loss: float32 scalars.

        Parameters
        ----------
        outputs : (N, R, *spatial) Tensor
            Of the network, of any floating type.
        target : (N, R, *spatial) float32 Tensor
        known : (N, *spatial) bool Tensor
            The pixels that count.
        """

    @staticmethod
    @abstractmethod
    def activate(outputs: Tensor) -> Tensor:
        """Return the network's outputs as estimates of the target."""

    @staticmethod
    @abstractmethod
    def turned_back(
        spatial_dims: int, order: Sequence[int], flips: Sequence[int]
    ) -> tuple[list[int], list[float]] | None:
        """Say what the channels of a turned image mean for the image itself.

        Parameters
        ----------
        spatial_dims : int
        order, flips : sequence of int
            The image's axes in their new order, and the new axes that were then flipped.

        Returns
        -------
        index, sign : list of int, list of float
            Channel k of the image is ``sign[k]`` times channel ``index[k]`` of the turned one.
            None where no channel says it.
        """


class Distance(Regression):
    """Distance to the border of the object, relative to the highest in it: 1 channel."""

    @staticmethod
    def channels(spatial_dims: int) -> int:
        """Return 1."""
        return 1

    @staticmethod
    def target(instance: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
        """Return the relative depth (see `Regression.target`)."""
        return relative_depth(instance, spacing)[None]

    @staticmethod
    def losses(outputs: Tensor, target: Tensor, known: Tensor) -> dict[str, Tensor]:
        """Return ``distance``: cross-entropy, which is lowest where the two are equal."""
        return {"distance": _cross_entropy(outputs[:, 0], target[:, 0], known)}

    @staticmethod
    def activate(outputs: Tensor) -> Tensor:
        """Return values between 0 and 1."""
        return torch.sigmoid(outputs)

    @staticmethod
    def turned_back(
        spatial_dims: int, order: Sequence[int], flips: Sequence[int]
    ) -> tuple[list[int], list[float]] | None:
        """Return the one channel as it is: a distance has no direction."""
        return [0], [1.0]


class Stars(Regression):
    """Star-convex objects: probability, and the lengths of rays (`septum.heads.starconvex`)."""

    @staticmethod
    def channels(spatial_dims: int) -> int:
        """Return 1 + the number of rays."""
        return 1 + RAYS[spatial_dims]

    @staticmethod
    def target(instance: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
        """Return probability and lengths (see `Regression.target`)."""
        return star_targets(instance, spacing)

    @staticmethod
    def losses(outputs: Tensor, target: Tensor, known: Tensor) -> dict[str, Tensor]:
        """Return ``probability``, and ``rays``: absolute error, weighted by the probability."""
        probability = target[:, 0] * known
        errors = (outputs[:, 1:].float() - target[:, 1:]).abs().mean(1)
        rays = (errors * probability).sum() / probability.sum().clamp(min=1)
        return {
            "probability": _cross_entropy(outputs[:, 0], target[:, 0], known),
            "rays": RAY_WEIGHT * rays,
        }

    @staticmethod
    def activate(outputs: Tensor) -> Tensor:
        """Return the probability between 0 and 1, and the lengths as they are."""
        return torch.cat([torch.sigmoid(outputs[:, :1]), outputs[:, 1:]], dim=1)

    @staticmethod
    def turned_back(
        spatial_dims: int, order: Sequence[int], flips: Sequence[int]
    ) -> tuple[list[int], list[float]] | None:
        """Return the permutation of the rays; None where they do not fall on each other."""
        rays = directions(spatial_dims)
        turned = _turned(rays, order, flips)
        likeness = turned @ rays.T
        index = likeness.argmax(axis=1)
        if likeness.max(axis=1).min() < 1 - 1e-6:
            return None
        return [0, *(1 + int(k) for k in index)], [1.0] * (1 + len(rays))


class Flows(Regression):
    """Vectors towards the centre of the object, one channel an axis (`septum.heads.flows`)."""

    @staticmethod
    def channels(spatial_dims: int) -> int:
        """Return the number of axes."""
        return spatial_dims

    @staticmethod
    def target(instance: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
        """Return the flows (see `Regression.target`)."""
        return flow_targets(np.maximum(instance, 0))

    @staticmethod
    def losses(outputs: Tensor, target: Tensor, known: Tensor) -> dict[str, Tensor]:
        """Return ``flows``: half the mean squared error of the scaled vectors."""
        errors = (outputs.float() - FLOW_SCALE * target).square().mean(1)
        return {"flows": 0.5 * (errors * known).sum() / known.sum().clamp(min=1)}

    @staticmethod
    def activate(outputs: Tensor) -> Tensor:
        """Return the vectors at their own length."""
        return outputs / FLOW_SCALE

    @staticmethod
    def turned_back(
        spatial_dims: int, order: Sequence[int], flips: Sequence[int]
    ) -> tuple[list[int], list[float]] | None:
        """Return the new axis along which each axis points, and whether it was flipped."""
        index = [list(order).index(axis) for axis in range(spatial_dims)]
        return index, [-1.0 if new in flips else 1.0 for new in index]


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


def _turned(vectors: np.ndarray, order: Sequence[int], flips: Sequence[int]) -> np.ndarray:
    """Return vectors (n, ndim) as they point in the turned image."""
    turned = vectors[:, list(order)].copy()
    turned[:, list(flips)] *= -1
    return turned


def _cross_entropy(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    losses = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    return (losses * known).sum() / known.sum().clamp(min=1)
