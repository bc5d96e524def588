"""What the channels of a logits network mean: the training target made from the labels.

Channel 0 is background; the foreground classes follow in ascending order of their ids; the
border head has one more class. After these classes come the maps of numbers that some heads
learn beside (`septum.heads.regression`). Axes are spatial, of any number.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np

from septum.data.store import VOID
from septum.errors import problem
from septum.heads.regression import Distance, Flows, Objects, Regression, Stars
from septum.instances.touching import separate_touching
from septum.losses.logits import IGNORE


class Head(ABC):
    """What the channels of the output mean, for given classes.

    Parameters
    ----------
    classes : iterable of int
        The ids of the foreground classes, in any order.

    Attributes
    ----------
    regression : type of Regression or None
        What is learnt beside classes; it needs instances.
    """

    regression: type[Regression] | None = None

    def __init__(self, classes: Iterable[int]) -> None:
        self.classes = sorted(classes)
        known = [0, *self.classes]
        # channel by class id; -1 where there is no such class
        self._channel = np.full(known[-1] + 1, -1, np.int16)
        self._channel[known] = np.arange(len(known))

    @staticmethod
    @abstractmethod
    def channels(n_classes: int) -> int:
        """Return the number of class channels for so many foreground classes."""

    @classmethod
    def outputs(cls, n_classes: int, spatial_dims: int) -> int:
        """Return the number of a network's output channels: classes and regressed maps."""
        extra = 0 if cls.regression is None else cls.regression.channels(spatial_dims)
        return cls.channels(n_classes) + extra

    @abstractmethod
    def target(self, semantic: np.ndarray, instance: np.ndarray | None) -> np.ndarray:
        """Return the channel id of each pixel.

        A pixel's channel depends on its direct neighbours only, so windows of a case give the
        windows of its target (but for their outermost pixels).

        Parameters
        ----------
        semantic : (*spatial) int array
            Class ids, 0 background, `septum.data.store.VOID` for void.
        instance : (*spatial) int array or None
            Instance ids, 0 where there is none; None for semantic annotation.

        Returns
        -------
        (*spatial) int16 array
            -1 where void (`septum.losses.logits.IGNORE`).

        Raises
        ------
        SeptumError
            If the labels hold a class that was not declared.
        """

    def _classes_as_channels(self, semantic: np.ndarray) -> np.ndarray:
        """Replace class ids by channels, void by `IGNORE`, in a new array."""
        semantic = np.asarray(semantic)
        void = semantic == VOID
        semantic = np.where(void, 0, semantic)
        beyond = semantic.max(initial=0) >= len(self._channel)
        channel = self._channel[np.minimum(semantic, len(self._channel) - 1)]
        if beyond or channel.min(initial=0) < 0:
            strange = np.setdiff1d(semantic, [0, *self.classes])
            raise problem(
                "labels",
                f"hold the class {', '.join(map(str, strange))}, which is not declared",
                f"declare it under classes (declared: {', '.join(map(str, self.classes))})",
            )
        channel[void] = IGNORE
        return channel


class SemanticHead(Head):
    """Background and classes; touching instances are told apart by a ridge of background.

    The ridge is one pixel wide, on one side (`septum.instances.touching.separate_touching`):
    with border weights, the scheme of the U-Net paper.
    """

    @staticmethod
    def channels(n_classes: int) -> int:
        """Return 1 + n_classes."""
        return 1 + n_classes

    def target(self, semantic: np.ndarray, instance: np.ndarray | None) -> np.ndarray:
        """Return the class channels, 0 on the ridges (see `Head.target`)."""
        channel = self._classes_as_channels(semantic)
        if instance is not None:
            instance = np.asarray(instance)
            channel[(instance > 0) & (separate_touching(instance) == 0)] = 0
        return channel


class BorderHead(Head):
    """Background, inside of each class, and one more channel: the border of every instance.

    A border pixel belongs to an instance and shares a face with a pixel of another instance
    or of the background (a one-pixel inner boundary; the image's own border does not count):
    the three-class U-Net of the StarDist paper (Schmidt et al., MICCAI 2018,
    https://arxiv.org/abs/1806.03535). Without instances nothing is border.
    """

    @staticmethod
    def channels(n_classes: int) -> int:
        """Return 2 + n_classes."""
        return 2 + n_classes

    def target(self, semantic: np.ndarray, instance: np.ndarray | None) -> np.ndarray:
        """Return the class channels, n_classes + 1 on borders (see `Head.target`)."""
        channel = self._classes_as_channels(semantic)
        if instance is not None:
            channel[_inner_boundary(np.asarray(instance))] = len(self.classes) + 1
        return channel


class RegressionHead(Head):
    """Background and classes as they are, and maps that tell touching instances apart."""

    @staticmethod
    def channels(n_classes: int) -> int:
        """Return 1 + n_classes."""
        return 1 + n_classes

    def target(self, semantic: np.ndarray, instance: np.ndarray | None) -> np.ndarray:
        """Return the class channels (see `Head.target`)."""
        return self._classes_as_channels(semantic)


class DistanceHead(RegressionHead):
    """With the distance to the border of the instance (`septum.heads.regression.Distance`)."""

    regression = Distance


class StarDistHead(RegressionHead):
    """With star-convex polygons or polyhedra (`septum.heads.regression.Stars`)."""

    regression = Stars


class FlowsHead(RegressionHead):
    """With gradient flows towards the centre of the instance (`septum.heads.regression.Flows`)."""

    regression = Flows


class DetectionHead(RegressionHead):
    """Objects one by one, of detectors only (`septum.heads.regression.Objects`)."""

    regression = Objects


class PanopticHead(DetectionHead):
    """Objects one by one, and the classes of pixels beside them."""


HEADS: dict[str, type[Head]] = {
    "semantic": SemanticHead,
    "border": BorderHead,
    "distance": DistanceHead,
    "stardist": StarDistHead,
    "flows": FlowsHead,
    "detection": DetectionHead,
    "panoptic": PanopticHead,
}


def _inner_boundary(instance: np.ndarray) -> np.ndarray:
    """Return where an instance's pixel shares a face with a pixel of another id."""
    boundary = np.zeros(instance.shape, bool)
    for axis in range(instance.ndim):
        ahead = (slice(None),) * axis + (slice(1, None),)
        behind = (slice(None),) * axis + (slice(None, -1),)
        differ = instance[ahead] != instance[behind]
        boundary[ahead] |= differ
        boundary[behind] |= differ
    return boundary & (instance > 0)
