"""Creation of networks by name.

To add a network, write its module and add its record to `septum.config.registry.NETWORKS`. The
record holds an address, so that names can be listed without importing torch or MONAI, and a
training depends on the module of its network only.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from septum.config import registry
from septum.errors import Problems, nearest, problem

if TYPE_CHECKING:
    from septum.networks.blocks import Network

# pydantic's types of errors about a list as a whole
_LIST_ERRORS = ("missing", "too_long", "too_short", "tuple_type", "list_type")


def network_names() -> list[str]:
    """Return the names of all networks, sorted.

    Examples
    --------
    >>> network_names()[-3:]
    ['segnet', 'unet', 'unetpp']
    """
    return sorted(registry.NETWORKS)


def network_module(name: str) -> str:
    """Return the dotted name of a network's module (for `septum.io.code_digest.code_digest`)."""
    return _record(name).module


def create_network(
    name: str, spatial_dims: int, in_channels: int, out_channels: int, **options: Any
) -> Network:
    """Create a network.

    Parameters
    ----------
    name : str
        One of `network_names`.
    spatial_dims : int
        2 for images, 3 for volumes.
    in_channels, out_channels : int
        Channels of the image, and of the logits.
    **options
        Options of the network (the keyword arguments of its class).

    Returns
    -------
    Network
        Takes float tensors ``(N, in_channels, *size)`` and returns logits
        ``(N, out_channels, *(size - 2 * margin))``.

    Raises
    ------
    SeptumError
        If the name is unknown (listing all), or an option is unknown (suggesting the nearest),
        of the wrong type or out of its range.

    Examples
    --------
    >>> import torch
    >>> network = create_network("unet", 2, 1, 3, width=4, depth=2, padded=True)
    >>> network(torch.zeros(1, 1, 32, 48)).shape
    torch.Size([1, 3, 32, 48])
    """
    options = check_options(name, options)
    counts = {
        "spatial_dims": (spatial_dims, (2, 3)),
        "in_channels": (in_channels, range(1, 2**16)),
        "out_channels": (out_channels, range(1, 2**16)),
    }
    for key, (value, right) in counts.items():
        if value not in right:
            raise problem(key, f"cannot be {value!r}", f"give {right[0]} to {right[-1]}")
    return network_class(name)(spatial_dims, in_channels, out_channels, **options)


def check_options(
    name: str, options: Mapping[str, Any], *, where: str = "options"
) -> dict[str, Any]:
    """Check the options of a network and fill in those that are not given.

    Parameters
    ----------
    name : str
        One of `network_names`.
    options : mapping
        Keyword arguments of the network's class; lists stand for tuples, as YAML has them.
    where : str
        The configuration key of ``options``, for the messages.

    Returns
    -------
    dict
        All options of the network, so that a file that stores them does not depend on defaults,
        which may change.

    Raises
    ------
    SeptumError
        With all problems.
    """
    available = _options(network_class(name))
    problems = Problems()
    for key, value in options.items():
        if key not in available:
            what = f"the network {name!r} has no option {key!r}"
            problems.add(f"{where}.{key}", what, nearest(key, available))
            continue
        try:
            available[key][0].validate_python(value)
        except ValidationError as error:
            problems.add(f"{where}.{key}", *_complaint(value, error, available[key][0]))
    problems.raise_if_any()
    return {key: options.get(key, default) for key, (_, default) in available.items()}


def fitted_options(
    name: str,
    options: Mapping[str, Any],
    diameters: Mapping[str, float] | None,
    spacing: Sequence[float],
) -> dict[str, Any]:
    """Return the options of a network, adding those that are derived from the data.

    Parameters
    ----------
    name : str
        One of `network_names`.
    options : mapping
        Options that are set; they are not changed.
    diameters : mapping or None
        Percentiles of the objects' diameters in pixels (`septum.stages.plan.fingerprint`), if
        there are objects.
    spacing : sequence of float
        Size of a pixel along each axis.
    """
    derived = network_class(name).options_for(diameters, spacing) if diameters else {}
    return {**derived, **options}


def network_class(name: str) -> type[Network]:
    """Return the class of a network.

    Raises
    ------
    SeptumError
        If there is no such network.
    """
    return _record(name).load()


def _record(name: str) -> registry.Network:
    if name not in registry.NETWORKS:
        raise problem(
            "network",
            f"there is no network {name!r}",
            f"choose one of: {', '.join(network_names())}",
        )
    return registry.NETWORKS[name]


def _options(network: type[Network]) -> dict[str, tuple[TypeAdapter[Any], Any]]:
    """Return a checker, built from the type hint, and the default of each option of a class."""
    hints = get_type_hints(network.__init__, include_extras=True)
    strict = ConfigDict(strict=True, allow_inf_nan=False)
    return {
        parameter.name: (TypeAdapter(hints[parameter.name], config=strict), parameter.default)
        for parameter in inspect.signature(network).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def _complaint(value: object, error: ValidationError, checker: TypeAdapter[Any]) -> tuple[str, str]:
    """Return a problem and a remedy, in a user's words, for a value that is not valid."""
    # a union has an error for each branch, a list one for each missing value
    wants = dict.fromkeys(
        _list_requirement(checker)
        if e["type"] in _LIST_ERRORS
        else e["msg"][0].lower() + e["msg"][1:]
        for e in error.errors()
    )
    return f"cannot be {value!r}", "; or: ".join(wants)


def _list_requirement(checker: TypeAdapter[Any]) -> str:
    """Return the required length of a list; pydantic calls it a tuple, which YAML has not."""
    schema = checker.json_schema()
    array = next(s for s in schema.get("anyOf", [schema]) if s.get("type") == "array")
    low, high = array.get("minItems", 0), array.get("maxItems")
    if high is None:
        return f"give a list of {low} or more values" if low else "give a list"
    return f"give a list of {high if low == high else f'{low} to {high}'} values"
