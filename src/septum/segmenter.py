"""The contract between architectures and everything that uses them.

Training, tiling and evaluation know a `Segmenter`: how large its input must be, its losses,
its prediction. Networks that return logits get all of it from `LogitsSegmenter`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from septum import models
from septum.errors import fail
from septum.heads import HEADS
from septum.losses import dice_loss, weighted_cross_entropy
from septum.models.blocks import Network, centre_crop
from septum.seeds import seed_of


class Segmenter(nn.Module, ABC):
    """What is asked of an architecture.

    Attributes
    ----------
    margin : int
        Pixels by which the prediction is smaller than the image, on each side of each axis.
    """

    margin: int

    @abstractmethod
    def legal_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """Return the smallest input size that is accepted and that holds ``size``."""

    @abstractmethod
    def losses(self, images: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the parts of the training loss.

        Parameters
        ----------
        images : Tensor, (N, C, *size), float
            Normalised; of a legal size.
        targets : mapping
            ``classes``: (N, *size) int64, channel ids, -1 where unknown; ``weights``:
            (N, *size) float32, optional.

        Returns
        -------
        dict of str to Tensor
            Float32 scalars, weighted by the settings: their sum is the loss.
        """

    @abstractmethod
    def predict(self, images: Tensor) -> Tensor:
        """Return probabilities (N, K, *(size - 2 * margin)), float32, without gradient.

        The mode (``eval()``) is the caller's business.
        """

    def validate(
        self, images: Tensor, targets: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Return what `losses` and `predict` return in evaluation mode, without gradient.

        Overridden where one forward pass is enough for both.
        """
        with torch.no_grad():
            return self.losses(images, targets), self.predict(images)


class LogitsSegmenter(Segmenter):
    """Any network that returns one map of logits.

    Parameters
    ----------
    network : Network
    cross_entropy, dice : float
        Weights of the two losses; one of weight 0 is not computed.
    """

    def __init__(self, network: Network, *, cross_entropy: float = 1.0, dice: float = 0.0) -> None:
        super().__init__()
        self.network = network
        self.margin = network.margin
        self.cross_entropy = cross_entropy
        self.dice = dice

    def legal_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """Return the smallest input size that is accepted and that holds ``size``."""
        return self.network.legal_size(size)

    def losses(self, images: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return ``cross_entropy`` and ``dice``; targets are cropped to the logits' centre.

        Each is summed over the network's `training_logits`, by their weights.
        """
        parts: dict[str, Tensor] = {}
        for weight, logits in self.network.training_logits(images):
            for name, loss in self._losses(logits, targets).items():
                parts[name] = parts.get(name, 0.0) + weight * loss
        return parts

    @torch.no_grad()
    def predict(self, images: Tensor) -> Tensor:
        """Return the softmax of the logits, float32."""
        return _probabilities(self.network(images))

    @torch.no_grad()
    def validate(
        self, images: Tensor, targets: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Return what `losses` and `predict` return in evaluation mode, in one forward pass."""
        logits = self.network(images)
        return self._losses(logits, targets), _probabilities(logits)

    def _losses(self, logits: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        size = logits.shape[2:]
        classes = centre_crop(targets["classes"], size)
        parts = {}
        if self.cross_entropy:
            weights = targets.get("weights")
            weights = None if weights is None else centre_crop(weights, size)
            loss = weighted_cross_entropy(logits, classes, weights)
            parts["cross_entropy"] = self.cross_entropy * loss
        if self.dice:
            parts["dice"] = self.dice * dice_loss(logits, classes)
        return parts


def _probabilities(logits: Tensor) -> Tensor:
    return torch.softmax(logits.float(), dim=1)


def build_segmenter(
    network: str,
    options: Mapping[str, Any],
    *,
    spatial_dims: int,
    in_channels: int,
    n_classes: int,
    head: str = "semantic",
    cross_entropy: float = 1.0,
    dice: float = 0.0,
    seed: int = 0,
) -> Segmenter:
    """Make a segmenter: the one place, for training and for loading.

    Parameters
    ----------
    network : str
        One of `septum.models.names`.
    options : mapping
        The network's options.
    spatial_dims, in_channels : int
    n_classes : int
        Foreground classes.
    head : str
        One of `septum.heads.HEADS`: what the channels of the output mean.
    cross_entropy, dice : float
        Weights of the losses.
    seed : int
        Of the initial weights, which depend on nothing else; torch's own generator is left
        as it was.

    Raises
    ------
    SeptumError
        Unknown network, head or option.
    """
    if head not in HEADS:
        raise fail("head", f"there is no head {head!r}", f"choose one of: {', '.join(HEADS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, "initial weights"))
        net = models.create(
            network, spatial_dims, in_channels, HEADS[head].channels(n_classes), **options
        )
    return LogitsSegmenter(net, cross_entropy=cross_entropy, dice=dice)
