"""Deliver predictions in the format of the input: same geometry, same name.

NIfTI gives NIfTI with the original header's geometry, byte by byte; OME-Zarr gives OME-Zarr of
the same version; TIFF, PNG and JPEG give TIFF: 16 bits with ImageJ's metadata, or, with more
than 65,535 objects, 32 bits with OME's (ImageJ has no such integers).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import tifffile
import zarr
from nibabel.orientations import apply_orientation, ornt_transform

from septum.config import registry
from septum.data.case_files import distinct_name, safe_name
from septum.data.store import Geometry, Prediction
from septum.io import ngff
from septum.io.atomic import atomic_path
from septum.io.units import ASCII_SYMBOLS, SYMBOLS
from septum.io.zarr_arrays import create_array, create_group

MAX_CLASSIC_TIFF_BYTES = 2**32 - 2**25  # where a TIFF needs 64-bit offsets


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
    annotation = prediction.attributes.get("annotation", "instance")
    if annotation == "semantic" or prediction.instance is None:
        return {"": prediction.semantic}
    if annotation == "panoptic" or len(prediction.attributes.get("classes", ())) > 1:
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


def _writer(geometry: Geometry) -> tuple[Any, str]:
    reader = geometry.source.get("reader")
    if reader == "nifti":
        plain = str(geometry.source["path"]).lower().endswith(".nii")
        return _write_nifti, ".nii" if plain else ".nii.gz"
    if reader == "ome_zarr":
        return _write_omezarr, ".zarr"
    return _write_tiff, ".tif"


def _write_nifti(path: Path, labels: np.ndarray, geometry: Geometry) -> None:
    """Undo the reader's flips and swaps of axes, and give the original header back."""
    source = geometry.source
    wide = source["version"] == 2
    kind, header_kind = (
        (nib.Nifti2Image, nib.Nifti2Header) if wide else (nib.Nifti1Image, nib.Nifti1Header)
    )
    header = header_kind(base64.b64decode(source["header"]), check=False)
    header["magic"] = header.single_magic
    header["vox_offset"] = 0
    header["cal_min"] = header["cal_max"] = 0
    header.set_data_dtype(labels.dtype)
    header.set_slope_inter(1, 0)
    header.set_intent("none")
    orientation = np.array(source["orientation"])
    shape = np.array(source["shape"])
    canonical = np.empty(3, int)
    canonical[orientation[:, 0]] = shape
    voxels = labels.reshape(canonical[::-1]).transpose()
    identity = np.array([[0, 1], [1, 1], [2, 1]])
    voxels = apply_orientation(voxels, ornt_transform(identity, orientation))
    ndim = min(3, len(header.get_data_shape()))
    affine = header.get_best_affine()
    nib.save(kind(np.ascontiguousarray(voxels.reshape(shape[:ndim])), affine, header), path)


def _write_tiff(path: Path, labels: np.ndarray, geometry: Geometry) -> None:
    axes = "".join(ngff.spatial_axes(labels.ndim)).upper()
    spacing = dict(zip(axes, geometry.spacing, strict=True))
    known = geometry.unit in ASCII_SYMBOLS
    ome = labels.dtype == np.uint32 or labels.nbytes > MAX_CLASSIC_TIFF_BYTES
    metadata: dict[str, Any] = {"axes": axes}
    if ome:
        # else it would be drawn at random: equal labels, equal bytes
        digest = hashlib.sha256(np.ascontiguousarray(labels)).digest()
        metadata["UUID"] = str(uuid.UUID(bytes=digest[:16]))
    if ome and known:
        for axis, step in spacing.items():
            metadata[f"PhysicalSize{axis}"] = step
            metadata[f"PhysicalSize{axis}Unit"] = SYMBOLS[geometry.unit]
    elif known:
        metadata["unit"] = ASCII_SYMBOLS[geometry.unit]
        metadata |= {"spacing": spacing["Z"]} if "Z" in spacing else {}
    tifffile.imwrite(
        path,
        labels,
        imagej=not ome,
        ome=ome,
        bigtiff=labels.nbytes > MAX_CLASSIC_TIFF_BYTES,
        resolution=(1 / spacing["X"], 1 / spacing["Y"]) if known else None,
        metadata=metadata,
        compression="zlib",
        photometric="minisblack",
    )


def _write_omezarr(path: Path, labels: np.ndarray, geometry: Geometry) -> None:
    source, spacing = geometry.source, geometry.spacing
    version = source["version"]
    origin = [o * step for o, step in zip(source["origin"], spacing, strict=True)]
    name = Path(source["path"]).name
    attributes = ngff.label_attributes(
        name, spacing, geometry.unit, image=None, version=version, origin=origin
    )
    if version == "0.5":
        create_group(path, attributes)
        axes = ngff.spatial_axes(labels.ndim)
        create_array(path, "0", labels.shape, labels.dtype, axes=axes)[...] = labels
        return
    path.mkdir()
    for name, document in ((".zgroup", {"zarr_format": 2}), (".zattrs", attributes)):
        (path / name).write_text(json.dumps(document, indent=1, sort_keys=True), encoding="utf-8")
    zarr.create_array(
        path / "0",
        shape=labels.shape,
        dtype=labels.dtype,
        chunks=tuple(min(n, 512 if labels.ndim < 3 else 64) for n in labels.shape),
        chunk_key_encoding={"name": "v2", "separator": "/"},
        zarr_format=2,
        fill_value=0,
    )[...] = labels
