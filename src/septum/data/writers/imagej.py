"""Regions of interest of ImageJ and Fiji: a zip archive a case, an entry an object.

Coordinates are pixels: the first reaches from (0, 0) to (1, 1).
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from roifile import ROI_TYPE, ImagejRoi

from septum.data.store import Prediction
from septum.data.writers.base import ObjectWriter
from septum.data.writers.class_colours import class_colour
from septum.data.writers.polygons import Polygon, polygons
from septum.data.writers.segments import segments


class ImagejRoiWriter(ObjectWriter):
    """Write ``<name>_rois.zip`` for each case, its entries named after the objects' ids."""

    def add(
        self,
        folder: Path,
        stem: str,
        prediction: Prediction,
        read_image: Callable[[], np.ndarray],
    ) -> None:
        """Write the archive of a case."""
        path = folder / f"{stem}_rois.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for segment in segments(prediction, regions=False):
                roi = _roi(polygons(segment.mask, (segment.top, segment.left)))
                roi.name = f"{segment.number:05d}"
                colour = class_colour(segment.class_id, self.classes[segment.class_id])
                roi.stroke_color = bytes([255, *colour])
                # a name alone has a fixed date: equal objects, equal bytes
                archive.writestr(zipfile.ZipInfo(f"{roi.name}.roi"), roi.tobytes())


def _roi(outline: Sequence[Polygon]) -> ImagejRoi:
    """Return one polygon as such, several rings (parts, holes) as a composite."""
    rings = [ring for polygon in outline for ring in polygon]
    corners = np.array([corner for ring in rings for corner in ring])
    if len(rings) == 1:
        roi = ImagejRoi.frompoints(corners)
        roi.roitype = ROI_TYPE.POLYGON
    else:
        # moves to the first corner (0), lines to the others (1), closes (4)
        path = [[*(v for i, c in enumerate(r) for v in (min(i, 1), *c)), 4] for r in rings]
        roi = ImagejRoi()
        roi.roitype = ROI_TYPE.RECT
        roi.multi_coordinates = np.array([v for ring in path for v in ring], np.float32)
        roi.shape_roi_size = roi.multi_coordinates.size
    roi.left, roi.top = corners.min(axis=0).tolist()
    roi.right, roi.bottom = corners.max(axis=0).tolist()
    return roi
