"""The record of a decoder: a decoding method and its tuned parameters."""

from __future__ import annotations

from functools import lru_cache

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from septum.config import registry
from septum.config.decode_section import value_type
from septum.config.registry import Number
from septum.config.section import Section

ARGMAX = "argmax"
"""The method of semantic annotation: the most probable class, with nothing to tune."""
PANOPTIC_PARAMETERS = ("min_stuff",)
"""Parameters that decoders have for panoptic annotation only."""


class Decoder(Section):
    """A decoding method with its parameters, as tuned, stored in model files and used.

    Attributes
    ----------
    method
        One of `septum.config.registry.METHODS`, or `ARGMAX`.
    parameters
        Values of the parameters of the method, and no others, within the bounds that the registry
        states.
    score
        Score on the validation cases that it was tuned on; None if there was nothing to score.
    """

    method: str
    parameters: dict[str, Number] = Field(default_factory=dict)
    score: float | None = None

    @model_validator(mode="after")
    def _has_its_parameters(self) -> Decoder:
        if self.method == ARGMAX:
            expected = {}
        elif self.method in registry.METHODS:
            parameters = registry.METHODS[self.method].parameters
            expected = {parameter.name: parameter for parameter in parameters}
        else:
            raise ValueError(f"there is no way of decoding {self.method!r}")
        if missing := sorted(set(expected) - {*self.parameters, *PANOPTIC_PARAMETERS}):
            raise ValueError(f"{self.method} lacks {', '.join(missing)}")
        if unknown := sorted(set(self.parameters) - set(expected)):
            raise ValueError(f"{self.method} has no {', '.join(unknown)}")
        for name, value in self.parameters.items():
            try:
                _adapter(expected[name]).validate_python(value)
            except ValidationError as error:
                raise ValueError(f"{name} {value}: {error.errors()[0]['msg']}") from None
        return self

    def require_fit(self, head: str, annotation: str) -> None:
        """Raise a ValueError if this is no decoder of a head and a kind of annotation.

        Parameters
        ----------
        head : str
            A key of `septum.config.registry.HEADS`.
        annotation : {"instance", "semantic", "panoptic"}
        """
        methods = (ARGMAX,) if annotation == "semantic" else registry.HEADS[head].methods
        if self.method not in methods:
            what = f"the {head} head of {annotation} annotation is decoded by {', '.join(methods)}"
            raise ValueError(f"{what}, not by {self.method}")
        for name in PANOPTIC_PARAMETERS:
            if annotation == "panoptic" and name not in self.parameters:
                raise ValueError(f"{self.method} lacks {name}, which panoptic annotation needs")
            if annotation != "panoptic" and name in self.parameters:
                raise ValueError(f"{name} is for panoptic annotation only, not for {annotation}")

    def __getitem__(self, name: str) -> Number:
        """Return the value of a parameter."""
        return self.parameters[name]

    def described(self) -> dict[str, str | Number]:
        """Return method and parameters in one dictionary, as stored with predictions."""
        return {"method": self.method, **self.parameters}


@lru_cache
def _adapter(parameter: registry.Parameter) -> TypeAdapter[Number]:
    """Return what checks the values of a parameter."""
    return TypeAdapter(value_type(parameter))
