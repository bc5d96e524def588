"""A small configuration, and what is wrong with one."""

from __future__ import annotations

from typing import Any

import pytest

from septum.config.load import validate
from septum.errors import SeptumError


def minimal(**changes: Any) -> dict[str, Any]:
    """Return a plain configuration of one dataset and one network, with other top-level keys."""
    raw = {
        "datasets": {"nuclei": {"images": "i/{case}.tif", "labels": "l/{case}.tif"}},
        "experiments": {"net": {"network": "unet"}},
    }
    return {**raw, **changes}


def problems(raw: dict[str, Any]) -> dict[str, str]:
    """Return what is wrong with a configuration, and what to do, by key."""
    with pytest.raises(SeptumError) as error:
        validate(raw)
    return {p.where: f"{p.what} -> {p.remedy}" for p in error.value.problems}
