"""The record of a decoder: a decoding method and its tuned parameters."""

from __future__ import annotations

from pydantic import Field, model_validator

from septum.config import registry
from septum.config.section import Section

Number = int | float

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
        Values of the parameters of the method, and no others.
    score
        Score on the validation cases that it was tuned on; None if there was nothing to score.
    """

    method: str
    parameters: dict[str, Number] = Field(default_factory=dict)
    score: float | None = None

    @model_validator(mode="after")
    def _has_its_parameters(self) -> Decoder:
        if self.method == ARGMAX:
            expected = set()
        elif self.method in registry.METHODS:
            expected = {parameter.name for parameter in registry.METHODS[self.method].parameters}
        else:
            raise ValueError(f"there is no way of decoding {self.method!r}")
        if missing := sorted(expected - {*self.parameters, *PANOPTIC_PARAMETERS}):
            raise ValueError(f"{self.method} lacks {', '.join(missing)}")
        if unknown := sorted(set(self.parameters) - expected):
            raise ValueError(f"{self.method} has no {', '.join(unknown)}")
        return self

    def __getitem__(self, name: str) -> Number:
        """Return the value of a parameter."""
        return self.parameters[name]

    def described(self) -> dict[str, str | Number]:
        """Return method and parameters in one dictionary, as stored with predictions."""
        return {"method": self.method, **self.parameters}
