"""The canonical case on disk: OME-Zarr 0.5 (Zarr v3), few files an array, read chunk by chunk.

A case is a folder ``<case>.zarr``: the image in ``0``, the labels in ``labels/semantic/0`` and
``labels/instance/0``, one resolution level each. What OME-Zarr has no word for (name,
geometry, statistics) lies in the attribute ``septum`` of the root, in plain JSON. Equal cases
give equal bytes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from septum.data.case_files import distinct_name, safe_name
from septum.data.store_attributes import IntensityStatistics, LabelCounts, PredictionAttributes
from septum.errors import Problems, problem
from septum.io import ngff
from septum.io.atomic import TEMPORARY_PREFIX, atomic_path
from septum.io.zarr_arrays import (
    create_array,
    create_group,
    open_array,
    read_attributes,
    septum_attributes,
)

Array = np.ndarray | zarr.Array
VOID = 2**16 - 1
"""Value in the class map of a case for pixels that no loss and no score counts."""
REMEDY_FOR_DAMAGE = "delete it, and run the workflow again"
LABEL_TYPES = {"semantic": np.dtype("uint16"), "instance": np.dtype("uint32")}


@dataclass(frozen=True)
class Geometry:
    """The position of the pixels in space, and what the input's own format needs beside.

    Parameters
    ----------
    spacing : tuple of float
        Distance between pixel centres, one a spatial axis, in ``unit``.
    unit : {"micrometer", "millimeter", "pixel"}
    affine : list of list of float, optional
        4 × 4, from the indices of the stored array *in reversed order* (x, y, z) to the
        scanner's RAS+ millimetres; NIfTI only.
    source : dict
        What the reader needs to write in the same format again: at least ``reader`` and
        ``path``; JSON only.
    """

    spacing: tuple[float, ...]
    unit: str = "pixel"
    affine: list[list[float]] | None = None
    source: dict[str, Any] = field(default_factory=dict)


@dataclass
class Case:
    """An image and, where annotated, its labels.

    Parameters
    ----------
    name : str
        The user's name, any unicode.
    image : array (C, *spatial)
        Original dtype.
    semantic : array (*spatial) of uint16, optional
        Class ids, 0 is background; `VOID` where nobody can say.
    instance : array (*spatial) of uint32, optional
        Objects 1…n, 0 is none, and so is void; absent where only classes are annotated.
    geometry : Geometry
    statistics : IntensityStatistics
        Of the whole image.
    parent : str, optional
        For an elastic copy, the case it was made from.
    label_counts : LabelCounts
        Made while the labels were read; of an elastic copy those of its parent.
    """

    name: str
    image: Array
    semantic: Array | None
    instance: Array | None
    geometry: Geometry
    statistics: IntensityStatistics
    parent: str | None = None
    label_counts: LabelCounts = field(default_factory=LabelCounts)

    @property
    def void(self) -> np.ndarray | None:
        """The void pixels, (*spatial) bool; None where there is none."""
        void = None if self.semantic is None else np.asarray(self.semantic[...]) == VOID
        return void if void is not None and void.any() else None


@dataclass
class Prediction:
    """Predicted labels of a case; arrays as in `Case`.

    Parameters
    ----------
    scores : list of float, optional
        One an instance, in the order of their ids.
    attributes : PredictionAttributes
        How it was made; ``annotation`` and ``classes`` decide what
        `septum.data.writers.label_maps` delivers.
    """

    name: str
    semantic: Array
    instance: Array | None
    geometry: Geometry
    scores: list[float] | None = None
    attributes: PredictionAttributes = field(default_factory=PredictionAttributes)


def write_case(path: str | Path, case: Case) -> None:
    """Write a case as a folder ``<something>.zarr``, whole or not at all.

    Raises
    ------
    SeptumError
        If the path cannot be written.
    ValueError
        If labels and image differ in shape, or a label does not fit its dtype.
    """
    spatial = case.image.shape[1:]
    labels = _labels(case.semantic, case.instance, spatial)
    spacing, unit = case.geometry.spacing, case.geometry.unit
    if len(spacing) != len(spatial):
        raise ValueError(f"{len(spacing)} spacings for {len(spatial)} axes")
    own = {
        "name": case.name,
        "parent": case.parent,
        "labels": list(labels),
        "geometry": asdict(case.geometry),
        "statistics": {**case.statistics.to_json(), "labels": case.label_counts.to_json()},
    }
    attributes = ngff.image_attributes(case.name, spacing, unit, channels=True)
    with atomic_path(path) as folder:
        create_group(folder, {**attributes, **septum_attributes("case", own)})
        names = ["c", *ngff.spatial_axes(len(spatial))]
        create_array(folder, "0", case.image.shape, case.image.dtype, axes=names)[...] = case.image
        _write_labels(folder, labels, case.geometry, image="../..")


def open_case(path: str | Path) -> Case:
    """Open a case; its arrays are read on demand.

    Raises
    ------
    SeptumError
        If there is no whole case at ``path``.
    """
    own = read_attributes(path, "case")
    with _damage_is_named(path):
        arrays = {name: open_array(path, f"labels/{name}/0") for name in own["labels"]}
        return Case(
            name=own["name"],
            image=open_array(path, "0"),
            semantic=arrays.get("semantic"),
            instance=arrays.get("instance"),
            geometry=_geometry(own["geometry"]),
            statistics=IntensityStatistics.from_json(own["statistics"]),
            parent=own["parent"],
            label_counts=LabelCounts.from_json(own["statistics"].get("labels", {})),
        )


def read_case(path: str | Path) -> Case:
    """Read a whole case into memory (NumPy arrays).

    Raises
    ------
    SeptumError
        If there is no whole case at ``path``, or a chunk of it is damaged.
    """
    return _load(open_case(path), path, ("image", "semantic", "instance"))


def write_prediction(
    path: str | Path,
    *,
    semantic: Array,
    instance: Array | None,
    geometry: Geometry,
    name: str,
    scores: Sequence[float] | None = None,
    attributes: PredictionAttributes | None = None,
) -> None:
    """Write the predicted labels of a case, whole or not at all.

    Parameters
    ----------
    semantic : array (*spatial), integer below 2**16
    instance : array (*spatial), integer below 2**32, optional
        None where classes only are predicted.
    geometry : Geometry
        The case's.
    name : str
        The case's.
    scores, attributes
        As in `Prediction`.
    """
    labels = _labels(semantic, instance, semantic.shape)
    own = {
        "name": name,
        "labels": list(labels),
        "geometry": asdict(geometry),
        "scores": None if scores is None else [float(score) for score in scores],
        "attributes": {} if attributes is None else attributes.to_json(),
    }
    with atomic_path(path) as folder:
        create_group(folder, septum_attributes("prediction", own))
        _write_labels(folder, labels, geometry, image=None)


def open_prediction(path: str | Path) -> Prediction:
    """Open predicted labels; the arrays are read on demand.

    Raises
    ------
    SeptumError
        If there is no whole prediction at ``path``.
    """
    own = read_attributes(path, "prediction")
    with _damage_is_named(path):
        arrays = {name: open_array(path, f"labels/{name}/0") for name in own["labels"]}
        return Prediction(
            name=own["name"],
            semantic=arrays["semantic"],
            instance=arrays.get("instance"),
            geometry=_geometry(own["geometry"]),
            scores=own["scores"],
            attributes=PredictionAttributes.from_json(own["attributes"]),
        )


def read_prediction(path: str | Path) -> Prediction:
    """Read predicted labels into memory (NumPy arrays)."""
    return _load(open_prediction(path), path, ("semantic", "instance"))


def case_path(folder: str | Path, name: str) -> Path:
    """Return where a case of that name lies in a batch folder.

    Two cases never share a path, not even on a disk that takes ``A`` for ``a``: a name with a
    capital gets a digest.
    """
    safe = safe_name(name)
    return Path(folder) / f"{safe if safe == safe.lower() else distinct_name(name)}.zarr"


def case_paths(folders: Iterable[str | Path]) -> dict[str, Path]:
    """Find every case (prediction, weight map) of some batch folders, by its user's name.

    Raises
    ------
    SeptumError
        If a folder is missing, something in it is damaged, or a name occurs twice.
    """
    by_name: dict[str, Path] = {}
    problems = Problems()
    for folder in folders:
        try:
            entries = sorted(os.listdir(folder))
        except OSError as error:
            what = f"cannot be read ({error.strerror})"
            problems.add(folder, what, "run the stage that writes it")
            continue
        for entry in entries:
            if not entry.endswith(".zarr") or entry.startswith(TEMPORARY_PREFIX):
                continue
            path = Path(folder) / entry
            name = read_attributes(path).get("name")
            if not isinstance(name, str):
                problems.add(path, "does not say of which case it is", REMEDY_FOR_DAMAGE)
            elif name in by_name:
                what = f"holds the case {name!r}, and so does {by_name[name]}"
                problems.add(path, what, "remove the one that is out of date")
            else:
                by_name[name] = path
    problems.raise_if_any()
    return by_name


def _labels(
    semantic: Array | None, instance: Array | None, spatial: tuple[int, ...]
) -> dict[str, np.ndarray]:
    labels = {}
    for name, array in (("semantic", semantic), ("instance", instance)):
        if array is None:
            continue
        if array.shape != spatial:
            raise ValueError(f"{name} labels have shape {array.shape}, not {spatial}")
        values, dtype = np.asarray(array), LABEL_TYPES[name]
        if values.dtype != dtype and values.size:
            if values.min() < 0 or values.max() > np.iinfo(dtype).max:
                raise ValueError(f"{name} labels do not fit into {dtype}")
            values = values.astype(dtype)
        labels[name] = values
    return labels


def _write_labels(
    folder: Path, labels: Mapping[str, np.ndarray], geometry: Geometry, image: str | None
) -> None:
    if not labels:
        return
    create_group(folder / "labels", ngff.wrap({"labels": list(labels)}, "0.5"))
    for name, array in labels.items():
        group = folder / "labels" / name
        spacing, unit = geometry.spacing, geometry.unit
        create_group(group, ngff.label_attributes(name, spacing, unit, image=image))
        axes = ngff.spatial_axes(array.ndim)
        create_array(group, "0", array.shape, array.dtype, axes=axes)[...] = array


def _load(record: Any, path: str | Path, names: Iterable[str]) -> Any:
    for name in names:
        array = getattr(record, name)
        if array is None:
            continue
        try:
            setattr(record, name, array[...])
        except Exception as error:  # codecs raise what they like
            what = f"is damaged: {name} cannot be read ({error})"
            raise problem(path, what, REMEDY_FOR_DAMAGE) from error
    return record


def _geometry(plain_geometry: Mapping[str, Any]) -> Geometry:
    return Geometry(**{**plain_geometry, "spacing": tuple(plain_geometry["spacing"])})


@contextlib.contextmanager
def _damage_is_named(path: str | Path) -> Iterator[None]:
    """Raise a `SeptumError` where the attributes of a store are not as they were written."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise problem(path, f"is damaged ({reason})", REMEDY_FOR_DAMAGE) from None
