"""A table of the objects of a case: where they lie, how large and how bright they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.measure import find_contours, marching_cubes, mesh_surface_area

from septum.config.schema import ClassSpec
from septum.data.store import Prediction
from septum.data.writers.base import ObjectWriter
from septum.io.atomic import write_text
from septum.io.ngff import spatial_axes
from septum.io.tables import csv_text
from septum.io.units import ASCII_SYMBOLS


class TableWriter(ObjectWriter):
    """Write ``<name>_objects.csv`` for each case that has objects."""

    def add(
        self,
        folder: Path,
        stem: str,
        prediction: Prediction,
        read_image: Callable[[], np.ndarray],
    ) -> None:
        """Write the table of a case."""
        if prediction.instance is None:
            return
        table = object_table(prediction, read_image(), self.classes)
        rows = zip(*(column.tolist() for column in table.values()), strict=True)
        text = csv_text(list(table), [dict(zip(table, row, strict=True)) for row in rows])
        write_text(folder / f"{stem}_objects.csv", text)


def object_table(
    prediction: Prediction, image: np.ndarray, classes: Mapping[int, ClassSpec]
) -> dict[str, np.ndarray]:
    """Return the columns of the table; a row an object, by ascending id.

    Parameters
    ----------
    prediction : Prediction
        With instances.
    image : (C, *spatial) array
        Raw intensities.
    classes : mapping of int to ClassSpec

    Returns
    -------
    dict of str to (n,) array
        ``id``, ``class``, ``class_name``, ``score`` (where the method gives any), ``pixels``; where
        the size of a pixel is known also ``area_um2`` (``volume_um3``); ``centroid_y_px``, … from
        the first pixel's centre, and ``centroid_y_um``; ``perimeter_um`` (``_px``), or in 3-D
        ``surface_um2``, by marching squares and cubes; ``mean_intensity_0``, … of each channel.
    """
    instance, semantic = np.asarray(prediction.instance), np.asarray(prediction.semantic)
    geometry = prediction.geometry
    axes, unit = spatial_axes(instance.ndim), ASCII_SYMBOLS.get(geometry.unit)
    where = np.nonzero(instance)
    of_pixel = instance[where].astype(np.int64)
    sizes = np.bincount(of_pixel)
    ids = np.flatnonzero(sizes)

    def means(values: np.ndarray) -> np.ndarray:
        return np.bincount(of_pixel, weights=values)[ids] / sizes[ids]

    kinds = np.zeros(sizes.size, np.int64)
    kinds[of_pixel] = semantic[where]
    names = {i: spec.name for i, spec in classes.items()}
    table: dict[str, np.ndarray] = {"id": ids, "class": kinds[ids]}
    table["class_name"] = np.array([names.get(i, "") for i in kinds[ids].tolist()], object)
    if prediction.scores is not None:
        table["score"] = np.asarray(prediction.scores, float)[ids - 1]
    table["pixels"] = sizes[ids]
    if unit is not None:
        what = f"area_{unit}2" if len(axes) == 2 else f"volume_{unit}3"
        table[what] = sizes[ids] * np.prod(geometry.spacing)
    centres = {axis: means(at) for axis, at in zip(axes, where, strict=True)}
    table |= {f"centroid_{axis}_px": centre for axis, centre in centres.items()}
    if unit is not None:
        for (axis, centre), step in zip(centres.items(), geometry.spacing, strict=True):
            table[f"centroid_{axis}_{unit}"] = centre * step
    border = f"perimeter_{unit or 'px'}" if len(axes) == 2 else f"surface_{unit or 'px'}2"
    table[border] = borders(instance, ids, geometry.spacing)
    for channel, plane in enumerate(image):
        table[f"mean_intensity_{channel}"] = means(np.asarray(plane)[where])
    return table


def borders(instance: np.ndarray, ids: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """Return the perimeter (2-D) or the surface (3-D) of each object.

    It is measured along a line, or on triangles, halfway between the centres of pixels inside and
    outside.

    Parameters
    ----------
    instance : (*spatial) integer array
    ids : (n,) integer array
        Objects that occur.
    spacing : tuple of float

    Returns
    -------
    (n,) float array
        In the unit of the spacing, in 3-D its square.
    """
    boxes, lengths = ndimage.find_objects(instance), []
    for number in ids.tolist():
        inside = np.pad(instance[boxes[number - 1]] == number, 1).astype(np.float32)
        if inside.ndim == 3:
            corners, faces, *_ = marching_cubes(inside, 0.5, spacing=spacing)
            lengths.append(mesh_surface_area(corners, faces))
        else:
            steps = [np.diff(c, axis=0) * spacing for c in find_contours(inside, 0.5)]
            lengths.append(sum(float(np.hypot(*step.T).sum()) for step in steps))
    return np.array(lengths, dtype=float)
