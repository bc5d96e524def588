"""The contract of heads: the meaning of a network's output channels, and how they are learnt.

Channel 0 is background; the foreground classes follow in ascending order of their ids; the
border head has one more class. After these classes come the maps of numbers that some heads
learn beside them (`Regression`). Axes are spatial, of any number.

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
    """Maps of numbers learnt beside the classes: their channels, target, loss and activation."""

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


class Head(ABC):
    """The meaning of a network's output channels, for given classes.

    Parameters
    ----------
    classes : iterable of int
        The ids of the foreground classes, in any order.

    Attributes
    ----------
    regression : type of Regression or None
        The maps that are learnt beside the classes; they need instances.
    has_border : bool
        Whether the last class channel is the border of all instances.
    """

    regression: type[Regression] | None = None
    has_border: bool = False

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


class RegressionHead(Head):
    """Background and classes as they are, and maps that tell touching instances apart."""

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
