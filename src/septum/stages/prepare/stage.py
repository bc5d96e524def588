"""The conversion of a lab's files to canonical cases.

The problems of all cases of a batch are reported together, so that users can correct them at
once. Nothing is written if there are any.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from septum.config.dataset import Dataset
from septum.data.case_files import CaseFiles
from septum.data.intensity import statistics
from septum.data.readers.choose import check_reader, read_image
from septum.data.store import Case, Geometry, case_path, write_case
from septum.data.store_attributes import LabelCounts
from septum.errors import Problem, Problems, SeptumError, problem
from septum.io.atomic import atomic_path
from septum.io.units import in_micrometers
from septum.stages.prepare.annotation import Annotation
from septum.stages.prepare.label_files import annotate_maps, read_maps

MAX_RELATIVE_SPACING_DIFFERENCE = 0.01

Result = TypeVar("Result")


def prepare_batch(
    *, dataset: Dataset, dataset_name: str, cases: Sequence[CaseFiles], out: str | Path
) -> None:
    """Write the canonical cases of a batch into the folder ``out``, all or none.

    Parameters
    ----------
    dataset : Dataset
        Configuration of the dataset.
    dataset_name : str
        Key of the dataset under ``datasets``, for messages.
    cases : sequence of CaseFiles
    out : str or Path
        Folder that holds nothing but cases; an older one is replaced.

    Raises
    ------
    SeptumError
        With every problem of every case.
    """
    out = Path(out)
    # os.path, since Path.is_dir raises where the name is too long
    if os.path.isdir(out) and any(not name.endswith(".zarr") for name in os.listdir(out)):
        raise problem(out, "holds other files than cases", "give a new or an empty folder")
    problems = Problems()
    with atomic_path(out) as folder:
        folder.mkdir()
        for files in cases:
            case = _attempt(problems, load_case, dataset, dataset_name, files)
            if case is not None:
                write_case(case_path(folder, case.name), case)
        problems.raise_if_any()


def load_case(dataset: Dataset, dataset_name: str, files: CaseFiles) -> Case:
    """Read the files of one case and check that they belong together.

    Parameters
    ----------
    dataset : Dataset
    dataset_name : str
        Key of the dataset under ``datasets``, for messages.
    files : CaseFiles

    Returns
    -------
    Case
        The case, with its arrays in memory.

    Raises
    ------
    SeptumError
        With all problems: files that cannot be read, pixels that are not finite, an image
        without contrast, image and labels of different shape, spacing or position, labels that
        are no whole numbers, classes that are not declared.
    """
    check_reader(dataset.reader, f"datasets.{dataset_name}.reader")
    problems = Problems()
    loaded = _attempt(problems, _load_image, dataset, dataset_name, files.images)
    annotation, label_geometry = None, None
    if files.labels is not None:
        read = _attempt(problems, read_maps, dataset, files)
        if read is not None:
            maps, label_geometry = read
            annotation = _attempt(problems, annotate_maps, maps, dataset, dataset_name, files)
    if loaded is not None and label_geometry is not None:
        shape = maps[0].shape
        problems.extend(_disagreements(loaded[0], loaded[1], shape, label_geometry, files, dataset))
    if problems or loaded is None:
        raise SeptumError(problems)
    image, geometry = loaded
    annotation = annotation or Annotation(None, None, LabelCounts())
    of_files = label_geometry.source.get("counts", {}) if label_geometry else {}
    return Case(
        name=files.name,
        image=image,
        semantic=annotation.semantic,
        instance=annotation.instance,
        geometry=geometry,
        statistics=statistics(image),
        label_counts=replace(annotation.counts, **of_files),
    )


def _attempt(problems: Problems, action: Callable[..., Result], *arguments: Any) -> Result | None:
    """Return the result of an action, or add its problems and return None."""
    with problems.caught():
        return action(*arguments)
    return None


def _load_image(
    dataset: Dataset, dataset_name: str, paths: Sequence[str]
) -> tuple[np.ndarray, Geometry]:
    """Read the image files of a case and stack their channels."""
    problems = Problems()
    parts = []
    read = partial(read_image, where=f"datasets.{dataset_name}.reader")
    for path in paths:
        image_part = _attempt(problems, read, path, dataset.reader)
        if image_part is not None:
            problems.extend(_bad_pixels(image_part[0], path))
            parts.append(image_part)
    problems.raise_if_any()
    first, geometry = parts[0]
    for path, (image, second) in zip(paths[1:], parts[1:], strict=True):
        if image.shape[1:] != first.shape[1:]:
            what = f"has shape {image.shape[1:]}, but {paths[0]} of the same case {first.shape[1:]}"
            problems.add(path, what, "images of one case must show the same pixels")
        elif not _same_spacing(geometry, second):
            what = f"has spacing {_show(second)}, but {paths[0]} of the same case {_show(geometry)}"
            problems.add(path, what, "mend the spacing in one of the files")
    problems.raise_if_any()
    image = np.concatenate([image for image, _ in parts]) if len(parts) > 1 else first
    return image, _override(geometry, dataset, dataset_name, paths[0])


def _bad_pixels(image: np.ndarray, path: str) -> Iterator[Problem]:
    if image.dtype.kind == "f":
        bad = int(image.size - np.isfinite(image).sum())
        if bad:
            what = f"holds {bad} pixels that are not finite (NaN or infinity)"
            yield Problem(path, what, "replace them, for example by the background's intensity")
            return
    if image.min() == image.max():
        what = f"is constant: every pixel is {image.min():g}"
        yield Problem(path, what, "check how it was exported, or leave the case out by `exclude:`")


def _override(geometry: Geometry, dataset: Dataset, dataset_name: str, path: str) -> Geometry:
    """Replace the file's spacing by the configured one, if there is one."""
    if dataset.spacing is None:
        return geometry
    if len(dataset.spacing) != len(geometry.spacing):
        what = f"has {len(dataset.spacing)} numbers, but {path} has {len(geometry.spacing)} axes"
        remedy = "give one number an axis, in the order (z,) y, x"
        raise problem(f"datasets.{dataset_name}.spacing", what, remedy)
    unit = "micrometer" if geometry.unit == "pixel" else geometry.unit
    return replace(geometry, spacing=tuple(dataset.spacing), unit=unit)


def _disagreements(
    image: np.ndarray,
    geometry: Geometry,
    shape: tuple[int, ...],
    label_geometry: Geometry,
    files: CaseFiles,
    dataset: Dataset,
) -> Iterator[Problem]:
    where, first = str(files.labels), files.images[0]
    if image.shape[1:] != shape:
        what = f"has shape {shape}, but its image {first} has {image.shape[1:]}"
        remedy = "labels need one number for each pixel of their image"
        guess = geometry.source.get("unnamed_pages")
        if guess:
            other_reader = "tiff_stack" if guess == "C" else "tiff_channels"
            axis = "channels" if guess == "C" else "slices"
            remedy += (
                f"; the image's pages were taken for {axis}: if wrong, set reader: {other_reader}"
            )
        yield Problem(where, what, remedy)
        return
    if dataset.spacing is None and not _same_spacing(geometry, label_geometry):
        what = f"has spacing {_show(label_geometry)}, but its image {first} has {_show(geometry)}"
        yield Problem(where, what, "mend the spacing in one of the files, or set `spacing:`")
        return
    distance = _displacement(geometry, label_geometry, shape)
    if distance > min(geometry.spacing):
        what = f"lies up to {distance:.3g} {geometry.unit}s away from its image {first} (affine)"
        yield Problem(where, what, "resample it onto its image, or mend the header of one of them")


def _same_spacing(first: Geometry, second: Geometry) -> bool:
    """Return whether two physical spacings agree; an unknown one agrees with any."""
    if "pixel" in (first.unit, second.unit):
        return True
    lengths = (in_micrometers(place.spacing, place.unit) for place in (first, second))
    return np.allclose(*lengths, rtol=MAX_RELATIVE_SPACING_DIFFERENCE, atol=0)


def _show(geometry: Geometry) -> str:
    return f"({', '.join(f'{step:g}' for step in geometry.spacing)}) {geometry.unit}"


def _displacement(first: Geometry, second: Geometry, shape: tuple[int, ...]) -> float:
    """Return the largest distance between the corners under two affines; 0 if one is missing."""
    placed = [g.affine is not None and g.source.get("placed", False) for g in (first, second)]
    if not all(placed) or len(shape) != 3:
        return 0.0
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in shape[::-1]])).reshape(3, -1)
    corners = np.vstack([corners, np.ones(corners.shape[1])])
    difference = (np.array(first.affine) - np.array(second.affine)) @ corners
    return float(np.linalg.norm(difference[:3], axis=0).max())
