"""Segmenters for detectors (`septum.networks.segmenter`).

A detector is trained on the objects of a patch, which are computed from its instance ids, and
returns a list of objects instead of maps (`Detector.detect`). Its `predict` draws the objects,
so that their overlap with the truth can be measured during training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from septum.decoding.objects import MASK_THRESHOLD, Detection, paste, to_label_map
from septum.losses.logits import dice_loss, weighted_cross_entropy
from septum.networks.blocks import Network
from septum.networks.detection.detected_objects import DetectedObjects
from septum.networks.detection.targets import DetectionTargets, detection_targets
from septum.networks.segmenter import Segmenter

MIN_SCORE_DRAWN = 0.5
"""Score from which on an object is drawn by `Detector.predict`."""


class DetectorNetwork(Protocol):
    """The interface of a detector's network (`septum.networks.mask_rcnn`)."""

    n_classes: int

    def detect(self, images: Tensor) -> list[DetectedObjects]:
        """Return the objects of each image."""

    def pyramid(self, images: Tensor) -> list[Tensor]:
        """Return the features of all levels."""

    def losses(
        self, pyramid: Sequence[Tensor], size: Sequence[int], truths: Sequence[DetectionTargets]
    ) -> dict[str, Tensor]:
        """Return the losses of a batch, from its features."""

    def detect_in(self, pyramid: Sequence[Tensor], size: Sequence[int]) -> list[DetectedObjects]:
        """Return the objects of each image, from its features."""


class Detector(Segmenter):
    """A network that detects single objects.

    Parameters
    ----------
    network : Network and DetectorNetwork
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.margin = network.margin
        self.stride = network.stride

    def legal_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """Return the smallest input size that is accepted and that holds ``size``."""
        return self.network.legal_size(size)

    def losses(self, images: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the network's losses; ``targets["regression"]`` (N, 1, *size) has the ids."""
        return self._losses(self.network.pyramid(images), targets)

    @torch.no_grad()
    def detect(self, images: Tensor) -> list[DetectedObjects]:
        """Return the objects of each image (N, C, *size), in its pixels."""
        return self.network.detect(images)

    @torch.no_grad()
    def predict(self, images: Tensor) -> Tensor:
        """Return maps (N, 1 + classes, *size) that are 1 in pixels of objects of the class."""
        return self._maps(self.network.pyramid(images), images.shape[2:])

    @torch.no_grad()
    def validate(
        self, images: Tensor, targets: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Return the results of `losses` and `predict`, from the same features."""
        pyramid = self.network.pyramid(images)
        return self._losses(pyramid, targets), self._maps(pyramid, images.shape[2:])

    def _losses(
        self, pyramid: Sequence[Tensor], targets: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        size = targets["classes"].shape[1:]
        return self.network.losses(pyramid, size, _truths(targets))

    def _maps(self, pyramid: Sequence[Tensor], size: Sequence[int]) -> Tensor:
        size = tuple(size)
        maps = []
        for of_image in self.network.detect_in(pyramid, size):
            objects = to_detections(of_image, (0,) * len(size), size)
            instance, labels, _ = to_label_map(objects, size, threshold=MIN_SCORE_DRAWN)
            channel = np.array([0, *labels])[instance]
            maps.append(torch.from_numpy(channel))
        classes = torch.stack(maps).to(pyramid[0].device)
        drawn = torch.nn.functional.one_hot(classes, 1 + self.network.n_classes)
        return drawn.movedim(-1, 1).float()


class PanopticDetector(Detector):
    """A detector that also classifies pixels (`septum.networks.panoptic_fpn`).

    Parameters
    ----------
    network : Network and DetectorNetwork
        A network whose method ``semantic(pyramid, size)`` returns the logits of the classes.
    cross_entropy, dice : float
        Weights of the losses of these logits, which are added to those of objects.
    """

    def __init__(self, network: Network, *, cross_entropy: float = 1.0, dice: float = 0.0) -> None:
        super().__init__(network)
        self.cross_entropy, self.dice = cross_entropy, dice

    def _losses(
        self, pyramid: Sequence[Tensor], targets: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        parts = super()._losses(pyramid, targets)
        classes = targets["classes"]
        logits = self.network.semantic(pyramid, classes.shape[1:])
        if self.cross_entropy:
            loss = weighted_cross_entropy(logits, classes)
            parts["cross_entropy"] = self.cross_entropy * loss
        if self.dice:
            parts["dice"] = self.dice * dice_loss(logits, classes)
        return parts

    def _maps(self, pyramid: Sequence[Tensor], size: Sequence[int]) -> Tensor:
        """Return the probabilities (N, 1 + classes, *size) of the classes of pixels."""
        return torch.softmax(self.network.semantic(pyramid, size).float(), dim=1)


def to_detections(
    objects: DetectedObjects,
    start: Sequence[int],
    stop: Sequence[int],
    mask_threshold: float = MASK_THRESHOLD,
) -> list[Detection]:
    """Convert the objects of a tile to masks in the image (`septum.decoding.objects.paste`)."""
    masks = None if objects.masks is None else objects.masks.cpu().numpy()
    arrays = (tensor.cpu().numpy() for tensor in (objects.boxes, objects.scores, objects.labels))
    return paste(*arrays, masks, start, stop, mask_threshold)


def _truths(targets: Mapping[str, Tensor]) -> list[DetectionTargets]:
    pairs = zip(targets["regression"][:, 0], targets["classes"], strict=True)
    return [detection_targets(instance, classes) for instance, classes in pairs]
