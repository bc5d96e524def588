"""The classical baselines: methods without training, which a network must beat.

To add one, write its module and add its record to `septum.config.registry.BASELINES`. The record
holds an address, so listing names costs no import of scikit-image or PyMaxflow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from septum.config import registry
from septum.config.baseline_fits import misfits
from septum.errors import Problem, nearest, problem

if TYPE_CHECKING:
    import numpy as np

    from septum.classical.base import Method
    from septum.config.schema import Baseline
    from septum.data.plan import Plan


def names() -> list[str]:
    """Return the names of all methods, sorted."""
    return sorted(registry.BASELINES)


def module(name: str) -> str:
    """Return the dotted name of a method's module (for `septum.io.code_digest.code_digest`)."""
    return _record(name).module


def misfits_of_plan(baseline: Baseline, plan: Plan) -> Iterator[Problem]:
    """Yield why a baseline cannot answer for a dataset whose plan is known."""
    return misfits(
        baseline.method,
        f"experiments.{baseline.experiment}.datasets",
        plan.dataset,
        plan.classes,
        annotation=plan.annotation,
        spatial_dims=plan.spatial_dims,
    )


def method_class(name: str) -> type[Method]:
    """Return the class of a method.

    Raises
    ------
    SeptumError
        If there is no such method.
    """
    return _record(name).load()


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
    from septum.config.schema import canonical_json, parse_section

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


def _record(name: str) -> registry.Baseline:
    if name not in registry.BASELINES:
        remedy = nearest(name, registry.BASELINES)
        raise problem("method", f"there is no classical method {name!r}", remedy)
    return registry.BASELINES[name]
