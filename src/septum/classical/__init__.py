"""The classical baselines: methods without training, which a network must beat.

The table holds addresses, not classes, as `septum.models.MODELS`: listing names costs no
import of scikit-image or PyMaxflow.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from septum.errors import fail, nearest

if TYPE_CHECKING:
    import numpy as np

    from septum.classical.base import Method

# name in the configuration -> "module:class"
METHODS: dict[str, str] = {
    "cpmc": "septum.classical.cpmc:CPMC",
    "graph_cut": "septum.classical.graph_cut:GraphCut",
    "mean_shift": "septum.classical.mean_shift:MeanShift",
    "normalized_cut": "septum.classical.normalized_cut:NormalizedCut",
    "watershed": "septum.classical.watershed:Watershed",
}


def names() -> list[str]:
    """Return the names of all methods, sorted."""
    return sorted(METHODS)


def module(name: str) -> str:
    """Return the dotted name of a method's module (for `septum.codedigest.code_digest`)."""
    return _address(name)[0]


def method_class(name: str) -> type[Method]:
    """Return the class of a method.

    Raises
    ------
    SeptumError
        If there is no such method.
    """
    place, attribute = _address(name)
    return getattr(importlib.import_module(place), attribute)


def create(name: str, parameters: Mapping[str, Any], *, where: str = "parameters") -> Method:
    """Make a method with its parameters.

    Parameters
    ----------
    name : str
        One of `names`.
    parameters : mapping
        What is not given keeps its default.
    where : str
        The configuration key of ``parameters``, for the messages.

    Raises
    ------
    SeptumError
        If there is no such method, or with everything that is wrong about the parameters.
    """
    # here, for the configuration reads the table above
    from septum.config import canonical_json, parse_section

    return parse_section(method_class(name), canonical_json(parameters), where)


def segment(
    name: str, image: np.ndarray, *, spacing: Sequence[float], **parameters: Any
) -> np.ndarray:
    """Find the objects of an image by the named method.

    Parameters
    ----------
    name : str
        One of `names`.
    image : (C, *spatial) array
        Finite numbers, on any scale.
    spacing : sequence of float
        Distance between pixel centres along each spatial axis, in one unit.
    **parameters
        Of the method (the fields of its class).

    Returns
    -------
    (*spatial) uint32 array
        Objects 1 … n, 0 elsewhere.

    Raises
    ------
    SeptumError
        As `create`, and where the method is not defined for so many axes.
    """
    return create(name, parameters).segment(image, spacing=spacing)


def grid(
    name: str, *, edge: float = 16.0, pixels: float = 256.0, channels: int = 1
) -> dict[str, Sequence[Any]]:
    """Return the values that tuning tries of each parameter, the start first.

    Parameters
    ----------
    name : str
        One of `names`.
    edge : float
        Edge of the square (cube) that is as large as a typical object, in pixels of the finest
        axis.
    pixels : float
        Pixels of a typical object.
    channels : int
        Of the images; of several, each is tried beside their mean.
    """
    values: dict[str, Sequence[Any]] = dict(method_class(name).grid(edge))
    if channels > 1:
        values["channel"] = (None, *range(channels))
    values["min_size"] = tuple(round(share * pixels) for share in (1 / 8, 0, 1 / 16, 1 / 4, 1 / 2))
    return values


def _address(name: str) -> tuple[str, str]:
    if name not in METHODS:
        raise fail("method", f"there is no classical method {name!r}", nearest(name, METHODS))
    place, _, attribute = METHODS[name].partition(":")
    return place, attribute
