"""The section ``decode``: the parameters of all ways of decoding, as the registry lists them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from septum.config import registry
from septum.config.section import Auto, Section

MethodName = Literal["auto", *registry.METHODS]


def decode_fields(methods: Iterable[registry.Method]) -> dict[str, Any]:
    """Return the fields of the section ``decode`` for pydantic: the parameters of all methods.

    Raises
    ------
    ValueError
        If two methods disagree about a parameter.
    """
    parameters: dict[str, registry.Parameter] = {}
    for parameter in (p for method in methods for p in method.parameters):
        if parameters.setdefault(parameter.name, parameter) != parameter:
            raise ValueError(f"{parameter.name} differs between ways of decoding")
    return {name: (value_type(parameter) | Auto, "auto") for name, parameter in parameters.items()}


def value_type(parameter: registry.Parameter) -> Any:
    """Return the type of a parameter's values for pydantic, with their bounds."""
    bounds = Field(gt=parameter.above, ge=parameter.least, lt=parameter.below, le=parameter.most)
    number = int if parameter.kind == "count" else float
    return Annotated[number, bounds]


class _Decode(Section):
    """Decoding of maps to instances (`septum.decoding`).

    Parameters that are `auto` are tuned on the validation cases.
    """

    method: MethodName = "auto"


Decode = create_model(
    "Decode",
    __base__=_Decode,
    __doc__=_Decode.__doc__,
    __module__=__name__,
    **decode_fields(registry.METHODS.values()),
)
