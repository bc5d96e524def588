"""The decoder of a model: a way of decoding and its tuned parameters, as one record."""

from __future__ import annotations

from pydantic import Field, model_validator

from septum.config import registry
from septum.config.section import Section

Number = int | float

ARGMAX = "argmax"
"""The method of semantic annotation: the most probable class, with nothing to tune."""
OPTIONAL = ("min_stuff",)
"""Parameters that a decoder has for panoptic annotation only."""


class Decoder(Section):
    """A way of decoding with its parameters: from tuning through the model file to decoding.

    Attributes
    ----------
    method
        One of `septum.config.registry.METHODS`, or `ARGMAX`.
    parameters
        Those that the method has, and no others.
    score
        On the validation cases that it was tuned on; None where there was nothing to score.
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
        if missing := sorted(expected - {*self.parameters, *OPTIONAL}):
            raise ValueError(f"{self.method} lacks {', '.join(missing)}")
        if unknown := sorted(set(self.parameters) - expected):
            raise ValueError(f"{self.method} has no {', '.join(unknown)}")
        return self

    def __getitem__(self, name: str) -> Number:
        """Return the value of a parameter."""
        return self.parameters[name]

    def described(self) -> dict[str, str | Number]:
        """Return method and parameters side by side, as predictions keep them."""
        return {"method": self.method, **self.parameters}
