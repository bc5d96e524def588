"""A predicted case and its delivery, and plain readings of what writers write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from septum.config.schema import ClassSpec, Export, NoScaling
from septum.data.plan import Plan, PlannedWeights
from septum.data.store import Case, Geometry, case_path, write_case, write_prediction
from septum.data.store_attributes import IntensityStatistics, PredictionAttributes
from septum.io.atomic import write_json
from septum.stages.export.stage import export_predictions

CLASSES = {
    1: ClassSpec(name="cell", colour="#ff8000"),
    2: ClassSpec(name="Zelle <b>"),
    3: ClassSpec(name="stroma", kind="stuff"),
}
GEOMETRY = Geometry((0.5, 0.25), "micrometer", None, {"reader": "tiff", "path": "in/a.tif"})


def filled(rings, shape) -> np.ndarray:
    """Return the pixels whose centre is inside by the even-odd rule: edges to the left, mod 2."""
    crossings = np.zeros(shape, int)
    for ring in rings:
        for (x, y), (u, v) in zip(ring, [*ring[1:], ring[0]], strict=True):
            if x == u:
                crossings[min(y, v) : max(y, v), x:] += 1
    return crossings % 2 == 1


def decoded(rle: dict) -> np.ndarray:
    """Return the mask of a COCO RLE, read as the format's description says."""
    runs, number, shift = [], 0, 0
    for letter in rle["counts"]:
        bits = ord(letter) - 48
        number |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            number -= (1 << shift) if bits & 16 else 0
            runs.append(number + (runs[-2] if len(runs) > 2 else 0))
            number = shift = 0
    height, width = rle["size"]
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flat.reshape(width, height).T


def masks() -> Iterator[np.ndarray]:
    """Yield random masks, a full one, an empty one and a diagonal."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        yield rng.random(rng.integers(1, 10, 2)) < rng.random()
    yield np.ones((3, 5), bool)
    yield np.zeros((3, 5), bool)
    yield np.eye(4, dtype=bool)


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A ring, a pair of diagonal squares as one object, a rectangle; stroma below."""
    instance = np.zeros((12, 16), np.uint32)
    instance[1:6, 1:6] = 1
    instance[2:5, 2:5] = 0
    instance[3, 3] = 1
    instance[1:3, 8:10] = instance[3:5, 10:12] = 2
    instance[6:8, 8:14] = 4
    semantic = np.where(instance > 0, 1, 0).astype(np.uint16)
    semantic[instance == 4] = 2
    semantic[9:] = 3
    return semantic, instance


def deliver(folder: Path, formats: Sequence[str], annotation: str = "panoptic") -> Path:
    """Store the scene as a case and as its prediction, deliver it, and return where to."""
    semantic, instance = scene()
    image = np.stack([instance * 10.0, np.ones((12, 16))]).astype(np.float32)
    case = Case("a", image, semantic, instance, GEOMETRY, IntensityStatistics({}, [], []))
    write_case(case_path(folder / "cases", "a"), case)
    write_prediction(
        case_path(folder / "predicted", "a"),
        semantic=semantic,
        instance=None if annotation == "semantic" else instance,
        geometry=GEOMETRY,
        name="a",
        scores=[0.5, 0.75, 0.0, 1.0],
        attributes=PredictionAttributes(annotation, {1: "", 2: "", 3: ""}),
    )
    plan = Plan(
        dataset="d", spatial_dims=2, in_channels=2, spacing=(0.5, 0.25), unit="micrometer",
        annotation=annotation, classes=CLASSES, normalisation=NoScaling(), patch=(8, 8),
        weights=PlannedWeights(sigma=5.0, class_weights={}),
        min_size=0, fingerprint={}, test=["a"], folds=[], train=[], unlabelled=[], derived={},
    )  # fmt: skip
    write_json(folder / "plan.json", plan.to_json())
    export_predictions(
        predicted=[folder / "predicted"],
        out=folder / "out",
        settings=Export(formats=formats),
        cases=[folder / "cases"],
        plan=folder / "plan.json",
    )
    return folder / "out"
