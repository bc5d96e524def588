"""A folder of good cases, a configuration of it, and what a check finds wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from septum.commands.check.configuration import check
from septum.config.config import Config
from septum.config.load import validate
from septum.errors import SeptumError


def discs(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y, x = np.ogrid[:64, :64]
    labels = np.zeros((64, 64), np.uint16)
    for index in range(4):
        row, column = (16 + 32 * k + rng.integers(-6, 7) for k in divmod(index, 2))
        labels[(y - row) ** 2 + (x - column) ** 2 <= 36] = index + 1
    image = 20 + (labels > 0) * 150 + rng.normal(0, 8, labels.shape)
    return image.clip(0, 255).astype(np.uint8), labels


def write_data(folder: Path) -> Path:
    """Write eight good cases, images/c0.png … and labels/c0.tif …, and return their folder."""
    for name in ("images", "labels"):
        (folder / name).mkdir()
    for i in range(8):
        image, labels = discs(i)
        Image.fromarray(image).save(folder / f"images/c{i}.png")
        tifffile.imwrite(folder / f"labels/c{i}.tif", labels)
    return folder


def config(
    data: Path, *, dataset: dict | None = None, experiment: dict | None = None, **top: Any
) -> Config:
    """Return a configuration of the cases, with changes."""
    cells = {"images": "images/{case}.png", "labels": "labels/{case}.tif", "split": {"folds": 3}}
    unet = {"network": "unet", "options": {"depth": 2, "width": 4}}
    return validate(
        {
            "results": str(data / "results"),
            "data_root": str(data),
            "datasets": {"cells": cells | (dataset or {})},
            "experiments": {"unet": unet | (experiment or {})},
        }
        | top
    )


def problems(settings: Config) -> list[str]:
    """Return what a check finds wrong, each with its key."""
    with pytest.raises(SeptumError) as error:
        check(settings)
    assert all(p.where and p.what and p.remedy for p in error.value.problems)
    return [f"{p.where}: {p.what}" for p in error.value.problems]
