"""Base classes of heads, which define a network's output channels, their targets and losses.

Channel 0 is background, followed by the foreground classes in ascending order of their ids; the
border head has one more class. After the classes come the regressed maps of some heads
(`Regression`). There may be any number of spatial axes.

A head is one file of this folder and one record of `septum.config.registry`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

import numpy as np
from torch import Tensor

from septum.config import registry
from septum.data.store import VOID
from septum.errors import problem
from septum.losses.logits import IGNORE


class Regression(ABC):
    """Maps that are regressed beside the classes: their channels, target, loss and activation."""

    @staticmethod
    @abstractmethod
    def channels(spatial_dims: int) -> int:
        """Return the number of channels R."""

    @staticmethod
    @abstractmethod
    def target(instance: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
        """Return the target maps.

        Parameters
        ----------
        instance : (*spatial) integer array
            Instance ids, 0 for none, -1 outside the case (`septum.stages.train.crop`). Of
            objects that the patch cuts, only the part in the patch is known.
        spacing : sequence of float
            Size of a pixel along each axis.

        Returns
        -------
        (R, *spatial) float32 array
        """

    @staticmethod
    @abstractmethod
    def losses(outputs: Tensor, target: Tensor, valid: Tensor) -> dict[str, Tensor]:
        """Return the parts of the loss as float32 scalars.

        Parameters
        ----------
        outputs : (N, R, *spatial) Tensor
            Outputs of the network, of any floating type.
        target : (N, R, *spatial) float32 Tensor
        valid : (N, *spatial) bool Tensor
            Pixels of known class; others are ignored.
        """

    @staticmethod
    @abstractmethod
    def activate(outputs: Tensor) -> Tensor:
        """Convert the network's outputs to estimates of the target."""

    @staticmethod
    @abstractmethod
    def undo_symmetry(
        spatial_dims: int, order: Sequence[int], flips: Sequence[int]
    ) -> tuple[list[int], list[float]] | None:
        """Return how to transform the channels of a rotated or mirrored image back.

        Parameters
        ----------
        spatial_dims : int
        order, flips : sequence of int
            The axes of the image in their new order, and the new axes that were then flipped.

        Returns
        -------
        index, sign : list of int, list of float
            Channel k of the image is ``sign[k]`` times channel ``index[k]`` of the transformed
            image. None is returned in their place if the channels cannot be transformed.
        """


class Head(ABC):
    """The meaning of a network's output channels, for given classes.

    Parameters
    ----------
    classes : iterable of int
        Ids of the foreground classes, in any order.

    Attributes
    ----------
    regression : type of Regression or None
        The maps that are regressed beside the classes; they need instances.
    has_border : bool
        Whether the last class channel is the border of all instances.
    """

    regression: type[Regression] | None = None
    has_border: bool = False

    def __init__(self, classes: Iterable[int]) -> None:
        self.classes = sorted(classes)
        ids = [0, *self.classes]
        # channel of each class id, -1 for ids of no class
        self._channel = np.full(ids[-1] + 1, -1, np.int16)
        self._channel[ids] = np.arange(len(ids))

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

        The channel of a pixel depends on its direct neighbours only, so that the target of a
        window is the window of the target, except for its outermost pixels.

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


class RegressionHead(Head):
    """Background and classes, with regressed maps that separate touching instances."""

    @staticmethod
    def channels(n_classes: int) -> int:
        """Return 1 + n_classes."""
        return 1 + n_classes

    def target(self, semantic: np.ndarray, instance: np.ndarray | None) -> np.ndarray:
        """Return the class channels (see `Head.target`)."""
        return self._classes_as_channels(semantic)


def head_class(name: str) -> type[Head]:
    """Return the class of a head; only its own module is imported.

    Raises
    ------
    SeptumError
        If there is no such head.
    """
    if name not in registry.HEADS:
        choices = ", ".join(registry.HEADS)
        raise problem("head", f"there is no head {name!r}", f"choose one of: {choices}")
    return registry.HEADS[name].load()
