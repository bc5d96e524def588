"""COCO's detection format: the instances of all images in one JSON file.

https://cocodataset.org/#format-data, "Object Detection", masks as compressed run lengths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from septum.config.schema import ClassSpec
from septum.data.store import Prediction
from septum.data.writers.base import ObjectWriter
from septum.data.writers.class_colours import class_colour
from septum.data.writers.rle import encode
from septum.data.writers.segments import Segment, segments
from septum.io.atomic import write_json


class CocoWriter(ObjectWriter):
    """Write ``coco.json``."""

    file = "coco.json"
    info: Mapping[str, str] = {}

    def __init__(self, classes: Mapping[int, ClassSpec]) -> None:
        super().__init__(classes)
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []

    def add(
        self,
        folder: Path,
        stem: str,
        prediction: Prediction,
        read_image: Callable[[], np.ndarray],
    ) -> None:
        """Add a case."""
        image = self.add_image(prediction)
        for segment in segments(prediction, regions=False):
            size = image["height"], image["width"]
            entry = {
                "id": len(self.annotations) + 1,
                "image_id": image["id"],
                **summary(segment),
                "segmentation": encode(segment.mask, (segment.top, segment.left), size),
            }
            entry |= {} if segment.score is None else {"score": segment.score}
            self.annotations.append(entry)

    def add_image(self, prediction: Prediction) -> dict[str, Any]:
        """List a case among the images, and return its entry."""
        height, width = prediction.semantic.shape
        name = Path(str(prediction.geometry.source.get("path", prediction.name))).name
        size = {"width": width, "height": height}
        image = {"id": len(self.images) + 1, "file_name": name, "case": prediction.name, **size}
        self.images.append(image)
        return image

    def finish(self, folder: Path) -> None:
        """Write the JSON file."""
        content = {"info": self.info, "images": self.images, "annotations": self.annotations}
        categories = [
            {
                "id": class_id,
                "name": spec.name,
                "supercategory": spec.kind,
                "isthing": int(spec.kind == "thing"),
                "color": list(class_colour(class_id, spec)),
            }
            for class_id, spec in sorted(self.classes.items())
        ]
        write_json(folder / self.file, {**content, "categories": categories})


def summary(segment: Segment) -> dict[str, Any]:
    """Return what both of COCO's formats say of a segment."""
    height, width = segment.mask.shape
    size = {"category_id": segment.class_id, "area": int(segment.mask.sum()), "iscrowd": 0}
    return {**size, "bbox": [segment.left, segment.top, width, height]}
