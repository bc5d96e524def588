"""Deliver predictions in the format of the input: same geometry, same name.

NIfTI gives NIfTI with the original header's geometry, byte by byte; OME-Zarr gives OME-Zarr of
the same version; TIFF, PNG and JPEG give TIFF.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from septum.config import registry
from septum.data.case_files import distinct_name, safe_name
from septum.data.store import Geometry, Prediction
from septum.data.writers.nifti import write_nifti
from septum.data.writers.ome_zarr import write_ome_zarr
from septum.data.writers.tiff import write_tiff
from septum.io.atomic import atomic_path

Write = Callable[[Path, np.ndarray, Geometry], None]


def export_prediction(
    folder: str | Path, prediction: Prediction, *, stem: str | None = None
) -> list[Path]:
    """Write a prediction the way its input was written.

    Parameters
    ----------
    folder : str or Path
    prediction : Prediction
        Its attributes ``annotation`` and ``classes`` say what is delivered. ``instance``: the
        object map, and with several classes the class map beside it (``<name>_classes``);
        ``semantic``: the class map; ``panoptic``: both. Without them: what is there.
    stem : str, optional
        The name without suffix; that of the input by default (`export_stem`).

    Returns
    -------
    list of Path
        The files (folders) that were written, each whole or not at all.

    Raises
    ------
    SeptumError
        If the folder cannot be written.
    """
    geometry = prediction.geometry
    write, suffix = _writer(geometry)
    stem = stem or export_stem(prediction.name, geometry)
    paths = []
    for ending, array in _maps(prediction).items():
        labels = np.asarray(array[...])
        path = Path(folder) / f"{stem}{ending}{suffix}"
        wide = labels.size and labels.max() >= 2**16
        with atomic_path(path) as temporary:
            write(temporary, labels.astype(np.uint32 if wide else np.uint16), geometry)
        paths.append(path)
    return paths


def export_stem(name: str, geometry: Geometry) -> str:
    """Return the name of a delivered file without its suffix.

    It is the name of the input, made safe, if the case's name is part of it (``{case}_ch0.tif``)
    and hence tells cases apart; else it is the case's name (``{case}/scan.tif``).
    """
    original = Path(str(geometry.source.get("path", ""))).name
    suffixes = {suffix for record in registry.READERS.values() for suffix in record.suffixes}
    suffixes |= {".ome.tif", ".ome.tiff", ".ome.zarr"}
    for suffix in sorted(suffixes, key=len, reverse=True):
        if original.lower().endswith(suffix):
            original = original[: -len(suffix)]
            break
    stands = re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", original)
    return safe_name(original if stands else name)


def _maps(prediction: Prediction) -> dict[str, Any]:
    """Return the arrays that are delivered, by what is added to the name of their file."""
    annotation = prediction.attributes.annotation
    if annotation == "semantic" or prediction.instance is None:
        return {"": prediction.semantic}
    if annotation == "panoptic" or len(prediction.attributes.classes or ()) > 1:
        return {"": prediction.instance, "_classes": prediction.semantic}
    return {"": prediction.instance}


def stems_of(predictions: Sequence[Prediction]) -> dict[str, str]:
    """Return the name, without suffix, of each case's files, so that no two share one.

    Not even on a disk that takes capitals for small letters.
    """
    choices = {
        p.name: [distinct_name(p.name), safe_name(p.name), export_stem(p.name, p.geometry)]
        for p in predictions
    }
    while True:
        owners: dict[str, list[str]] = {}
        for p in predictions:
            for ending in _maps(p):
                owners.setdefault(f"{choices[p.name][-1]}{ending}".lower(), []).append(p.name)
        rivals = {name for names in owners.values() if len(names) > 1 for name in names}
        rivals = {name for name in rivals if len(choices[name]) > 1}
        if not rivals:
            return {name: left[-1] for name, left in choices.items()}
        for name in rivals:
            choices[name].pop()


def _writer(geometry: Geometry) -> tuple[Write, str]:
    """Return the function that writes the input's format, and the suffix of its files."""
    reader = geometry.source.get("reader")
    if reader == "nifti":
        plain = str(geometry.source["path"]).lower().endswith(".nii")
        return write_nifti, ".nii" if plain else ".nii.gz"
    if reader == "ome_zarr":
        return write_ome_zarr, ".zarr"
    return write_tiff, ".tif"
