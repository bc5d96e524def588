"""GeoJSON that QuPath reads: objects as detections, regions of classes as annotations.

Coordinates are pixels: the first reaches from (0, 0) to (1, 1).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from septum.config.schema import ClassSpec
from septum.data.store import Prediction
from septum.data.writers.base import ObjectWriter
from septum.data.writers.class_colours import class_colour
from septum.data.writers.polygons import polygons
from septum.data.writers.segments import segments
from septum.io.atomic import write_text


class GeoJsonWriter(ObjectWriter):
    """Write ``<name>.geojson`` for each case."""

    def add(
        self,
        folder: Path,
        stem: str,
        prediction: Prediction,
        read_image: Callable[[], np.ndarray],
    ) -> None:
        """Write the file of a case."""
        # in one line: a line for each coordinate is seven times as long
        content = feature_collection(prediction, self.classes)
        text = json.dumps(content, ensure_ascii=False, allow_nan=False)
        write_text(folder / f"{stem}.geojson", text + "\n")


def feature_collection(prediction: Prediction, classes: Mapping[int, ClassSpec]) -> dict[str, Any]:
    """Return a case as a GeoJSON FeatureCollection."""
    features = []
    for segment in segments(prediction, regions=True):
        outline = polygons(segment.mask, (segment.top, segment.left))
        shapes = [[[*map(list, ring), list(ring[0])] for ring in polygon] for polygon in outline]
        many = len(shapes) > 1
        spec = classes[segment.class_id]
        of_object = {"objectType": "detection", "name": str(segment.number)}
        properties: dict[str, Any] = of_object if segment.number else {"objectType": "annotation"}
        colour = list(class_colour(segment.class_id, spec))
        properties["classification"] = {"name": spec.name, "color": colour}
        if segment.score is not None:
            properties["measurements"] = {"score": segment.score}
        geometry = {
            "type": "MultiPolygon" if many else "Polygon",
            "coordinates": shapes if many else shapes[0],
        }
        features.append({"type": "Feature", "geometry": geometry, "properties": properties})
    return {"type": "FeatureCollection", "features": features}
