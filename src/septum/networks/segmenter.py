"""The interface of all architectures for training and inference.

A `Segmenter` defines the legal sizes of its input, its losses and its prediction. Networks that
return logits get all of these from `LogitsSegmenter`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from septum.heads.base import Regression, head_class
from septum.losses.logits import IGNORE, dice_loss, weighted_cross_entropy
from septum.networks.blocks import Network, centre_crop
from septum.networks.create import create_network
from septum.seeds import seed_of


class Segmenter(nn.Module, ABC):
    """The interface of an architecture.

    Attributes
    ----------
    margin : int
        Pixels by which the prediction is smaller than the image, on each side of each axis.
    stride : int
        Pixels of the image per pixel of the coarsest features (`septum.networks.blocks.Network`).
    """

    margin: int
    stride: int

    @abstractmethod
    def legal_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """Return the smallest input size that is accepted and that holds ``size``."""

    @abstractmethod
    def losses(self, images: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the parts of the training loss.

        Parameters
        ----------
        images : Tensor, (N, C, *size), float
            Normalised images of a legal size.
        targets : mapping
            ``classes``: (N, *size) int64, channel ids, -1 where unknown; ``weights``:
            (N, *size) float32, optional; ``regression``: (N, R, *size) float32, for heads that
            regress.

        Returns
        -------
        dict of str to Tensor
            Float32 scalars, weighted by the settings: their sum is the loss.
        """

    @abstractmethod
    def predict(self, images: Tensor) -> Tensor:
        """Return maps (N, K, *(size - 2 * margin)), float32, without gradient.

        The channels are probabilities of the classes, then regressed maps. The caller sets
        the mode (``eval()``).
        """

    def undo_symmetry(
        self, spatial_dims: int, order: Sequence[int], flips: Sequence[int]
    ) -> tuple[list[int], list[float]] | None:
        """Return how to transform the channels of a rotated or mirrored image's prediction back.

        Parameters
        ----------
        spatial_dims : int
        order, flips : sequence of int
            The axes of the image in their new order, and the new axes that were then flipped.

        Returns
        -------
        index, sign : list of int, list of float
            Channel k is ``sign[k]`` times channel ``index[k]`` of the transformed image; both are
            empty if nothing changes. None is returned in their place if the channels cannot be
            transformed.
        """
        return [], []

    def validate(
        self, images: Tensor, targets: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Return the results of `losses` and `predict` in evaluation mode, without gradient.

        It is overridden if one forward pass is enough for both.
        """
        with torch.no_grad():
            return self.losses(images, targets), self.predict(images)


class LogitsSegmenter(Segmenter):
    """Any network that returns one map of logits.

    Parameters
    ----------
    network : Network
    n_channels : int, optional
        Number of class channels, by default all. The other channels are regressed.
    regression : type of Regression, optional
        Definition of the regressed channels.
    cross_entropy, dice : float
        Weights of the two losses; one of weight 0 is not computed.
    """

    def __init__(
        self,
        network: Network,
        *,
        n_channels: int | None = None,
        regression: type[Regression] | None = None,
        cross_entropy: float = 1.0,
        dice: float = 0.0,
    ) -> None:
        super().__init__()
        self.network = network
        self.margin = network.margin
        self.stride = network.stride
        self.n_channels = n_channels
        self.regression = regression
        self.cross_entropy = cross_entropy
        self.dice = dice

    def legal_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """Return the smallest input size that is accepted and that holds ``size``."""
        return self.network.legal_size(size)

    def losses(self, images: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return ``cross_entropy``, ``dice`` and the losses of the head; targets are cropped.

        Each is a weighted sum over the network's `training_logits`.
        """
        parts: dict[str, Tensor] = {}
        for weight, logits in self.network.training_logits(images):
            for name, loss in self._losses(logits, targets).items():
                parts[name] = parts.get(name, 0.0) + weight * loss
        return parts

    @torch.no_grad()
    def predict(self, images: Tensor) -> Tensor:
        """Return the softmax of the class logits, and the regressed maps, float32."""
        return self._activate(self.network(images))

    def undo_symmetry(
        self, spatial_dims: int, order: Sequence[int], flips: Sequence[int]
    ) -> tuple[list[int], list[float]] | None:
        """Return how to transform the channels back (see `Segmenter.undo_symmetry`)."""
        if self.regression is None:
            return [], []
        regressed = self.regression.undo_symmetry(spatial_dims, order, flips)
        if regressed is None:
            return None
        index, sign = regressed
        n = self.n_channels or 0
        return [*range(n), *(n + k for k in index)], [1.0] * n + sign

    @torch.no_grad()
    def validate(
        self, images: Tensor, targets: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Return the results of `losses` and `predict` in evaluation mode, in one forward pass."""
        logits = self.network(images)
        return self._losses(logits, targets), self._activate(logits)

    def _activate(self, outputs: Tensor) -> Tensor:
        outputs = outputs.float()
        if self.regression is None:
            return torch.softmax(outputs, dim=1)
        classes, regressed = outputs[:, : self.n_channels], outputs[:, self.n_channels :]
        maps = [torch.softmax(classes, dim=1), self.regression.activate(regressed)]
        return torch.cat(maps, dim=1)

    def _losses(self, outputs: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        size = outputs.shape[2:]
        classes = centre_crop(targets["classes"], size)
        logits = outputs[:, : self.n_channels]
        parts = {}
        if self.regression is not None:
            target = centre_crop(targets["regression"], size)
            parts |= self.regression.losses(
                outputs[:, self.n_channels :], target, classes != IGNORE
            )
        if self.cross_entropy:
            weights = targets.get("weights")
            weights = None if weights is None else centre_crop(weights, size)
            loss = weighted_cross_entropy(logits, classes, weights)
            parts["cross_entropy"] = self.cross_entropy * loss
        if self.dice:
            parts["dice"] = self.dice * dice_loss(logits, classes)
        return parts


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
    """Create a segmenter, for training or for loading weights.

    Parameters
    ----------
    network : str
        One of `septum.network_names`.
    options : mapping
        Options of the network.
    spatial_dims, in_channels : int
    n_classes : int
        Number of foreground classes.
    head : str
        One of `septum.config.registry.HEADS`, which defines the output channels.
    cross_entropy, dice : float
        Weights of the losses.
    seed : int
        Seed of the initial weights; the state of torch's generator is not changed.

    Raises
    ------
    SeptumError
        If the network, the head or an option is unknown.
    """
    kind = head_class(head)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, "initial weights"))
        outputs = kind.outputs(n_classes, spatial_dims)
        net = create_network(network, spatial_dims, in_channels, outputs, **options)
    if net.detects:
        return net.detector(cross_entropy=cross_entropy, dice=dice)
    return LogitsSegmenter(
        net,
        n_channels=kind.channels(n_classes),
        regression=kind.regression,
        cross_entropy=cross_entropy,
        dice=dice,
    )
