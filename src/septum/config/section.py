"""The base class of all sections of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Auto = Literal["auto"]


class Section(BaseModel):
    """An immutable block of the configuration, in which unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def without_nulls(block: Any) -> Any:
    """Drop the keys that are set to null; anything but a mapping is returned unchanged."""
    if not isinstance(block, Mapping):
        return block
    return {key: value for key, value in block.items() if value is not None}
