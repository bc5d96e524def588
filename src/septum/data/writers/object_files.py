"""Objects in the formats of other programs: COCO, COCO-panoptic, GeoJSON, ROIs of ImageJ.

All are of two axes. Coordinates are pixels: the first reaches from (0, 0) to (1, 1).
"""

from __future__ import annotations

import colorsys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from roifile import ROI_TYPE, ImagejRoi
from scipy import ndimage

from septum.config.schema import ClassSpec
from septum.data.readers.coco_panoptic import BACKGROUND
from septum.data.store import Prediction
from septum.data.writers.polygons import Polygon, polygons
from septum.data.writers.rle import encode
from septum.errors import Problem
from septum.io.atomic import write_json

OF_OBJECTS = ("coco", "imagej_roi")
"""The formats that hold objects only; COCO-panoptic and GeoJSON hold regions of classes, too."""
FLAT = ("coco", "coco_panoptic", "geojson", "imagej_roi")
"""The formats of two axes only."""


@dataclass(frozen=True)
class Segment:
    """An instance, or all pixels of a class that has none.

    Attributes
    ----------
    number : int
        The instance's id; 0 for the region of a class.
    class_id : int
    mask : (rows, columns) bool array
        Of its bounding box.
    top, left : int
        Where this box starts.
    score : float or None
    """

    number: int
    class_id: int
    mask: np.ndarray
    top: int
    left: int
    score: float | None

    @property
    def summary(self) -> dict[str, Any]:
        """What COCO's formats both say of it."""
        height, width = self.mask.shape
        found = {"category_id": self.class_id, "area": int(self.mask.sum()), "iscrowd": 0}
        return {**found, "bbox": [self.left, self.top, width, height]}


def format_problems(
    formats: Sequence[str], key: str, dataset: str, spatial_dims: int, annotation: str
) -> Iterator[Problem]:
    """Yield why a dataset's predictions cannot be delivered in these formats."""
    remedy = f"take it out for this dataset: datasets.{dataset}.export: {{formats: [...]}}"
    for name in formats:
        if name in FLAT and spatial_dims != 2:
            what = f"{name} is for images of two axes, and {dataset} has {spatial_dims}"
            yield Problem(key, what, remedy)
        elif name in OF_OBJECTS and annotation == "semantic":
            what = f"{name} is for objects, and {dataset} has classes only"
            yield Problem(key, what, remedy)


def segments(prediction: Prediction, *, regions: bool) -> list[Segment]:
    """Return the instances of a prediction, by id; with the regions of its other classes."""
    semantic = np.asarray(prediction.semantic)
    instance, scores = prediction.instance, prediction.scores
    found = []
    if instance is not None:
        instance = np.asarray(instance)
        for number, box in enumerate(ndimage.find_objects(instance), start=1):
            if box is None:
                continue
            mask = instance[box] == number
            score = None if scores is None else scores[number - 1]
            kind = int(semantic[box][mask][0])
            found.append(Segment(number, kind, mask, box[0].start, box[1].start, score))
        semantic = np.where(instance > 0, 0, semantic)
    if regions:
        for class_id, box in enumerate(ndimage.find_objects(semantic.astype(np.int64)), start=1):
            if box is not None:
                mask = semantic[box] == class_id
                found.append(Segment(0, class_id, mask, box[0].start, box[1].start, None))
    return found


class Coco:
    """The instances of all images in one JSON file, as COCO's detection task has them."""

    file = "coco.json"
    info: Mapping[str, str] = {}

    def __init__(self, classes: Mapping[int, ClassSpec]) -> None:
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self.classes = classes

    def add(self, prediction: Prediction) -> None:
        """Add a case."""
        image = self._add_image(prediction)
        for segment in segments(prediction, regions=False):
            size = image["height"], image["width"]
            entry = {
                "id": len(self.annotations) + 1,
                "image_id": image["id"],
                **segment.summary,
                "segmentation": encode(segment.mask, (segment.top, segment.left), size),
            }
            entry |= {} if segment.score is None else {"score": segment.score}
            self.annotations.append(entry)

    def write(self, folder: Path) -> None:
        """Write the JSON file."""
        content = {"info": self.info, "images": self.images, "annotations": self.annotations}
        write_json(folder / self.file, {**content, "categories": _categories(self.classes)})

    def _add_image(self, prediction: Prediction) -> dict[str, Any]:
        image = _image(prediction, len(self.images) + 1)
        self.images.append(image)
        return image


class CocoPanoptic(Coco):
    """Instances and regions of all images: ``panoptic/<name>.png`` and ``panoptic.json``.

    COCO has no background: its 0 is what nobody labelled, ours what is of no class. The file
    says so (``info``), and `septum.stages.prepare.coco_labels` reads it back as it was.
    """

    file = "panoptic.json"
    info = BACKGROUND

    def add_to(self, folder: Path, prediction: Prediction, stem: str) -> None:
        """Add a case, and write its PNG: ids as R + 256 G + 65,536 B, 0 for nothing."""
        image = self._add_image(prediction)
        found = segments(prediction, regions=True)
        numbers = np.zeros((image["height"], image["width"]), np.uint32)
        infos = []
        for number, segment in enumerate(found, start=1):
            rows, columns = segment.mask.shape
            numbers[segment.top :, segment.left :][:rows, :columns][segment.mask] = number
            # pixels of a thing that is not told apart are no object
            thing = self.classes[segment.class_id].kind == "thing"
            crowd = int(thing and not segment.number and prediction.instance is not None)
            infos.append({"id": number, **segment.summary, "iscrowd": crowd})
        name = f"{stem}.png"
        (folder / "panoptic").mkdir(exist_ok=True)
        channels = [(numbers >> shift & 255).astype(np.uint8) for shift in (0, 8, 16)]
        Image.fromarray(np.stack(channels, axis=-1)).save(folder / "panoptic" / name)
        entry = {"image_id": image["id"], "file_name": name, "segments_info": infos}
        self.annotations.append(entry)


def geojson(prediction: Prediction, classes: Mapping[int, ClassSpec]) -> dict[str, Any]:
    """Return a case as GeoJSON that QuPath reads: objects as detections, regions as annotations."""
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


def write_rois(path: Path, prediction: Prediction, classes: Mapping[int, ClassSpec]) -> None:
    """Write the objects of a case as a zip of ImageJ's ROIs, named after their ids."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for segment in segments(prediction, regions=False):
            roi = _roi(polygons(segment.mask, (segment.top, segment.left)))
            roi.name = f"{segment.number:05d}"
            colour = class_colour(segment.class_id, classes[segment.class_id])
            roi.stroke_color = bytes([255, *colour])
            # a name alone has a fixed date: equal objects, equal bytes
            archive.writestr(zipfile.ZipInfo(f"{roi.name}.roi"), roi.tobytes())


def _roi(outline: Sequence[Polygon]) -> Any:
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


def class_colour(class_id: int, spec: ClassSpec) -> tuple[int, int, int]:
    """Return red, green and blue of a class: as declared, or by its id, far from the others'."""
    if spec.colour is not None:
        return tuple(bytes.fromhex(spec.colour[1:]))
    red, green, blue = colorsys.hsv_to_rgb(class_id * 0.618034 % 1, 0.7, 0.85)
    return round(255 * red), round(255 * green), round(255 * blue)


def _image(prediction: Prediction, number: int) -> dict[str, Any]:
    height, width = prediction.semantic.shape
    name = Path(str(prediction.geometry.source.get("path", prediction.name))).name
    size = {"width": width, "height": height}
    return {"id": number, "file_name": name, "case": prediction.name, **size}


def _categories(classes: Mapping[int, ClassSpec]) -> list[dict[str, Any]]:
    return [
        {
            "id": class_id,
            "name": spec.name,
            "supercategory": spec.kind,
            "isthing": int(spec.kind == "thing"),
            "color": list(class_colour(class_id, spec)),
        }
        for class_id, spec in sorted(classes.items())
    ]
