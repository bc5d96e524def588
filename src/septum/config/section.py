"""What all sections of the configuration have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Auto = Literal["auto"]


class Section(BaseModel):
    """A block of the configuration: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def without_nulls(block: Any) -> Any:
    """Drop the keys that are set to null; what is no mapping is left to the validation."""
    if not isinstance(block, Mapping):
        return block
    return {key: value for key, value in block.items() if value is not None}
