"""Base classes of decoding methods, which convert the output of a network to instances.

A method is one file of this folder and one record of `septum.config.registry`, which names its
parameters and their bounds. Its class defines where the tuning of these parameters starts and
which values are tried (`Tuning`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from septum.config import registry
from septum.config.registry import Number
from septum.decoding.panoptic import least_stuff

THRESHOLDS = tuple(percent / 100 for percent in range(30, 75, 5))
"""Probabilities of belonging to an object that are tried."""
SEED_THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Probabilities (or relative depths) of seeds that are tried."""
SIZE_FACTORS = (0.5, 1, 2, 3)
"""Minimum sizes that are tried, as multiples of that of the plan (`septum.stages.plan.rules`)."""


@dataclass(frozen=True)
class Tuning:
    """How a parameter is tuned.

    Parameters
    ----------
    start : number
        The value that the search starts from. Of values with equal scores the nearest to it is
        chosen.
    values : tuple of numbers
        The values that are tried.
    """

    start: Number
    values: tuple[Number, ...]


class DecodingMethod(ABC):
    """A decoding method."""

    @staticmethod
    @abstractmethod
    def tuning(spatial_dims: int) -> dict[str, Tuning]:
        """Return the tuning of the parameters, in the order in which they are tuned.

        Parameters that all methods have are left out (`size_tuning`).
        """


def size_tuning(min_size: int, annotation: str) -> dict[str, Tuning]:
    """Return the tuning of the parameters that all decoding methods have.

    Instances of fewer pixels than ``min_size`` are removed. With panoptic annotation, stuff of
    fewer pixels than ``min_stuff`` is background (`septum.decoding.panoptic.fill_with_stuff`).

    Parameters
    ----------
    min_size : int
        Minimum size of the plan, in pixels.
    annotation : {"instance", "panoptic"}
    """
    sizes = sorted({round(factor * min_size) for factor in SIZE_FACTORS})
    tuning = {"min_size": Tuning(min_size, tuple(sizes))}
    if annotation == "panoptic":
        tuning["min_stuff"] = Tuning(0, tuple(least_stuff(min_size)))
    return tuning


@dataclass(frozen=True)
class Maps:
    """The output maps of a network, and their meaning.

    Parameters
    ----------
    probabilities : (K, *spatial) float array
        Probabilities of background, of the classes by ascending id, and of the border if
        ``has_border``.
    regressed : (R, *spatial) float32 array
        The regressed maps of the head.
    things : tuple of int
        Channels of the classes that have instances.
    has_border : bool
        Whether the last class channel is the border of all instances.
    spacing : sequence of float, optional
        Size of a pixel along each axis, by default 1.
    """

    probabilities: np.ndarray
    regressed: np.ndarray
    things: tuple[int, ...]
    has_border: bool = False
    spacing: Sequence[float] | None = None

    @cached_property
    def inside(self) -> np.ndarray:
        """Probability of being inside an object, (*spatial) float32.

        This is the sum over the classes, so that uncertainty between classes does not lower it.
        """
        total = np.zeros(self.probabilities.shape[1:], np.float32)
        for channel in self.things:
            total += self.probabilities[channel]
        return total

    @cached_property
    def foreground(self) -> np.ndarray:
        """Probability of belonging to an object, its border included, (*spatial) float32."""
        return self.inside + self.probabilities[-1] if self.has_border else self.inside


class MapMethod(DecodingMethod):
    """A decoding method for the output maps of a network."""

    @staticmethod
    @abstractmethod
    def label(maps: Maps, parameters: Mapping[str, Number]) -> tuple[np.ndarray, np.ndarray]:
        """Return the instances and the class of each.

        Parameters
        ----------
        maps : Maps
        parameters : mapping of str to number
            The parameters that the record of the registry names.

        Returns
        -------
        labels : (*spatial) int32 array
            1 … n, 0 elsewhere; ids may be absent.
        channels : (n,) int array
            Channel of the class of each instance.
        """


def method_class(name: str) -> type[DecodingMethod]:
    """Return the class of a decoding method, importing its module only."""
    return registry.METHODS[name].load()


def likeliest_channels(labels: np.ndarray, maps: Maps) -> np.ndarray:
    """Return the channel of the class that is most probable over the pixels of each instance.

    Parameters
    ----------
    labels : (*spatial) integer array
        Instances 1 … n.
    maps : Maps

    Returns
    -------
    (n,) int array

    Examples
    --------
    The two pixels of object 1 say 0.9 + 0.4 for channel 1 and 0.1 + 0.6 for channel 2.

    >>> probabilities = np.array([[0.0, 0.0, 0.0], [0.9, 0.4, 0.2], [0.1, 0.6, 0.8]])
    >>> maps = Maps(probabilities, np.empty((0, 3), np.float32), things=(1, 2))
    >>> likeliest_channels(np.array([1, 1, 2]), maps)
    array([1, 2])
    """
    ids = np.arange(1, int(labels.max(initial=0)) + 1)
    if not ids.size:
        return np.zeros(0, int)
    totals = [ndimage.sum_labels(maps.probabilities[c], labels, ids) for c in maps.things]
    return np.asarray(maps.things)[np.argmax(totals, axis=0)]
