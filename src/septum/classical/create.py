"""Creation of the classical baselines, which are methods without training.

To add one, write its module and add its record to `septum.config.registry.BASELINES`. The record
holds the address of its class, so that names are listed without importing scikit-image or
PyMaxflow.
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


def method_names() -> list[str]:
    """Return the names of all methods, sorted."""
    return sorted(registry.BASELINES)


def method_module(name: str) -> str:
    """Return the dotted name of a method's module (for `septum.io.code_digest.code_digest`)."""
    return _record(name).module


def misfits_of_plan(baseline: Baseline, plan: Plan) -> Iterator[Problem]:
    """Yield the reasons why a baseline cannot segment the dataset of a plan."""
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


def create_method(name: str, parameters: Mapping[str, Any], *, where: str = "parameters") -> Method:
    """Create a method with its parameters.

    Parameters
    ----------
    name : str
        One of `names`.
    parameters : mapping
        Values of parameters; the others keep their defaults.
    where : str
        The configuration key of ``parameters``, for error messages.

    Raises
    ------
    SeptumError
        If there is no such method, or if parameters are invalid; all problems are listed.
    """
    from septum.config.schema import canonical_json, parse_section

    return parse_section(method_class(name), canonical_json(parameters), where)


def segment(
    name: str, image: np.ndarray, *, spacing: Sequence[float], **parameters: Any
) -> np.ndarray:
    """Segment the objects of an image by the named method.

    Parameters
    ----------
    name : str
        One of `names`.
    image : (C, *spatial) array
        Finite intensities on any scale.
    spacing : sequence of float
        Distance between pixel centres along each spatial axis, in one unit.
    **parameters
        Parameters of the method, which are the fields of its class.

    Returns
    -------
    (*spatial) uint32 array
        Ids 1 … n of the objects, 0 elsewhere.

    Raises
    ------
    SeptumError
        As `create_method`, and if the method is not defined for this number of axes.
    """
    return create_method(name, parameters).segment(image, spacing=spacing)


def parameter_grid(
    name: str, *, edge: float = 16.0, pixels: float = 256.0, channels: int = 1
) -> dict[str, Sequence[Any]]:
    """Return the values that tuning tries of each parameter, beginning with the initial value.

    Parameters
    ----------
    name : str
        One of `names`.
    edge : float
        Edge of the square (cube) with the area (volume) of a typical object, in pixels of the
        finest axis.
    pixels : float
        Number of pixels of a typical object.
    channels : int
        Number of channels of the images; if there are several, each one and their mean are
        tried.
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
