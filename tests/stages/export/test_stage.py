"""Objects in the formats of other programs: what is written, read again."""

from __future__ import annotations

import csv
import json
import os

import numpy as np
import pycocotools.coco
import pycocotools.mask
import pytest
import roifile
from PIL import Image

from septum.config.schema import ClassSpec, Export
from septum.data.plan import Plan
from septum.data.store import (
    Case,
    Geometry,
    Prediction,
    case_path,
    write_case,
    write_json,
    write_prediction,
)
from septum.data.writers.object_files import class_colour, format_problems, geojson
from septum.data.writers.polygons import polygons
from septum.data.writers.rle import encode
from septum.data.writers.table import object_table
from septum.errors import SeptumError
from septum.stages.export.stage import export_predictions

CLASSES = {
    1: ClassSpec(name="cell", colour="#ff8000"),
    2: ClassSpec(name="Zelle <b>"),
    3: ClassSpec(name="stroma", kind="stuff"),
}
ALL = ["table", "coco", "coco_panoptic", "geojson", "imagej_roi"]
GEOMETRY = Geometry((0.5, 0.25), "micrometer", None, {"reader": "tiff", "path": "in/a.tif"})


def filled(rings, shape):
    """Return the pixels whose centre is inside by the even-odd rule: edges to the left, mod 2."""
    crossings = np.zeros(shape, int)
    for ring in rings:
        for (x, y), (u, v) in zip(ring, [*ring[1:], ring[0]], strict=True):
            if x == u:
                crossings[min(y, v) : max(y, v), x:] += 1
    return crossings % 2 == 1


def decoded(rle):
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


def masks():
    rng = np.random.default_rng(0)
    for _ in range(200):
        yield rng.random(rng.integers(1, 10, 2)) < rng.random()
    yield np.ones((3, 5), bool)
    yield np.zeros((3, 5), bool)
    yield np.eye(4, dtype=bool)


def test_outlines_hold_exactly_the_pixels():
    for mask in masks():
        found = polygons(mask, (2, 3))
        rings = [ring for polygon in found for ring in polygon]
        shape = mask.shape[0] + 2, mask.shape[1] + 3
        np.testing.assert_array_equal(filled(rings, shape), np.pad(mask, ((2, 0), (3, 0))))
        for ring in rings:
            assert len(set(ring)) == len(ring) >= 4
        for outer, *holes in found:
            inside = filled([outer], shape)
            assert all((filled([hole], shape) <= inside).all() for hole in holes)


def test_an_outline_by_hand():
    ring = np.ones((3, 3), bool)
    ring[1, 1] = False
    outer = [(0, 0), (3, 0), (3, 3), (0, 3)]
    hole = [(1, 1), (1, 2), (2, 2), (2, 1)]
    ((found, inner),) = polygons(ring)
    assert sorted(found) == sorted(outer)
    assert inner[inner.index((1, 1)) :] + inner[: inner.index((1, 1))] == hole
    # two pixels that share a corner are two parts; two holes that do are two holes
    assert len(polygons(np.eye(2, dtype=bool))) == 2
    assert [len(polygon) for polygon in polygons(~np.pad(np.eye(2, dtype=bool), 1))] == [3]


def test_run_lengths_by_hand_and_back():
    # columns: 2 zeros, 1 one, 3 zeros
    assert encode(np.array([[0, 0], [0, 0], [1, 0]], bool)) == {"size": [3, 2], "counts": "213"}
    for mask in masks():
        np.testing.assert_array_equal(decoded(encode(mask)), mask)
        moved = encode(mask, (40, 50), (60, 80))
        bounds = (40, 20 - mask.shape[0]), (50, 30 - mask.shape[1])
        np.testing.assert_array_equal(decoded(moved), np.pad(mask, bounds))


def test_run_lengths_are_those_of_pycocotools():
    peer = pycocotools.mask
    for mask in masks():
        theirs = peer.encode(np.asfortranarray(mask, np.uint8))
        assert encode(mask)["counts"] == theirs["counts"].decode()


def scene():
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


@pytest.fixture
def results(tmp_path):
    return Results(tmp_path)


class Results:
    def __init__(self, folder):
        self.folder = folder

    def deliver(self, formats, annotation="panoptic"):
        semantic, instance = scene()
        image = np.stack([instance * 10.0, np.ones((12, 16))]).astype(np.float32)
        case = Case("a", image, semantic, instance, GEOMETRY, {})
        write_case(case_path(self.folder / "cases", "a"), case)
        write_prediction(
            case_path(self.folder / "predicted", "a"),
            semantic=semantic,
            instance=None if annotation == "semantic" else instance,
            geometry=GEOMETRY,
            name="a",
            scores=[0.5, 0.75, 0.0, 1.0],
            attributes={"annotation": annotation, "classes": {"1": "", "2": "", "3": ""}},
        )
        plan = Plan(
            dataset="d", spatial_dims=2, in_channels=2, spacing=(0.5, 0.25), unit="micrometer",
            annotation=annotation, classes=CLASSES, normalisation={}, patch=(8, 8), weights={},
            min_size=0, fingerprint={}, test=["a"], folds=[], train=[], unlabelled=[], derived={},
        )  # fmt: skip
        write_json(self.folder / "plan.json", plan.to_json())
        export_predictions(
            predicted=[self.folder / "predicted"],
            out=self.folder / "out",
            settings=Export(formats=formats),
            cases=[self.folder / "cases"],
            plan=self.folder / "plan.json",
        )
        return self.folder / "out"


def test_the_files_that_are_asked_for(results):
    maps = ["a.tif", "a_classes.tif"]
    assert sorted(os.listdir(results.deliver([]))) == maps
    out = results.deliver(["table", "coco"])
    assert sorted(os.listdir(out)) == [*maps[:1], "a_classes.tif", "a_objects.csv", "coco.json"]


def test_a_table_of_objects(results):
    path = results.deliver(["table"]) / "a_objects.csv"
    rows = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
    assert [row["id"] for row in rows] == ["1", "2", "4"]
    last = rows[-1]
    assert (last["class"], last["class_name"], last["score"]) == ("2", "Zelle <b>", "1")
    assert (last["pixels"], last["area_um2"]) == ("12", "1.5")
    assert (last["centroid_y_px"], last["centroid_x_px"]) == ("6.5", "10.5")
    assert (last["centroid_y_um"], last["centroid_x_um"]) == ("3.25", "2.625")
    # halfway to the pixels outside: 5 and 1 steps straight, four corners cut
    straight, corner = 2 * (5 * 0.25 + 1 * 0.5), 4 * np.hypot(0.125, 0.25)
    assert float(last["perimeter_um"]) == pytest.approx(straight + corner, rel=1e-5)
    assert (last["mean_intensity_0"], last["mean_intensity_1"]) == ("40", "1")


def test_volumes_have_surfaces():
    instance = np.zeros((9, 9, 9), np.uint32)
    instance[2:7, 2:7, 2:7] = 1
    geometry = Geometry((2.0, 1.0, 1.0))
    prediction = Prediction("v", (instance > 0).astype(np.uint16), instance, geometry)
    table = object_table(prediction, np.ones((1, 9, 9, 9)), CLASSES)
    assert "score" not in table
    assert "volume_um3" not in table
    assert table["pixels"].tolist() == [125]
    # between the boxes through the centres of the outermost pixels and through their outer faces
    inner, outer = (2 * (n * n + 2 * n * (2 * n)) for n in (4, 5))
    assert inner < table["surface_px2"][0] < outer


def test_coco_instances(results):
    out = results.deliver(["coco"])
    content = json.loads((out / "coco.json").read_text())
    _, instance = scene()
    found = content["annotations"]
    assert [(a["category_id"], a["area"], a["score"]) for a in found] == [
        *((1, 17, 0.5), (1, 8, 0.75), (2, 12, 1.0))
    ]
    assert [a["bbox"] for a in found] == [[1, 1, 5, 5], [8, 1, 4, 4], [8, 6, 6, 2]]
    for number, entry in zip((1, 2, 4), found, strict=True):
        np.testing.assert_array_equal(decoded(entry["segmentation"]), instance == number)
    image = {"id": 1, "file_name": "a.tif", "case": "a", "width": 16, "height": 12}
    assert content["images"] == [image]
    assert [c["isthing"] for c in content["categories"]] == [1, 1, 0]
    assert content["categories"][0]["color"] == [255, 128, 0]


def test_coco_is_read_by_pycocotools(results):
    coco = pycocotools.coco
    truth = coco.COCO(str(results.deliver(["coco"]) / "coco.json"))
    for annotation in truth.loadAnns(truth.getAnnIds()):
        assert truth.annToMask(annotation).sum() == annotation["area"]


def test_coco_panoptic(results):
    out = results.deliver(["coco_panoptic"])
    content = json.loads((out / "panoptic.json").read_text())
    (entry,) = content["annotations"]
    rgb = np.asarray(Image.open(out / "panoptic" / entry["file_name"])).astype(int)
    ids = rgb @ [1, 256, 65536]
    semantic, instance = scene()
    kinds = {info["id"]: info["category_id"] for info in entry["segments_info"]}
    np.testing.assert_array_equal(np.vectorize({0: 0, **kinds}.get)(ids), semantic)
    pairs = np.unique(np.stack([ids, semantic * 10 + instance]).reshape(2, -1), axis=1)
    assert pairs.shape[1] == 5  # nothing, three instances, stroma
    assert [info["area"] for info in entry["segments_info"]] == [17, 8, 12, 48]


def test_geojson(results):
    out = results.deliver(["geojson"])
    content = json.loads((out / "a.geojson").read_text(encoding="utf-8"))
    semantic, instance = scene()
    shown = {f["properties"].get("name"): f for f in content["features"]}
    assert list(shown) == ["1", "2", "4", None]
    for name, feature in shown.items():
        shapes = feature["geometry"]["coordinates"]
        many = feature["geometry"]["type"] == "MultiPolygon"
        rings = [ring for polygon in (shapes if many else [shapes]) for ring in polygon]
        assert all(ring[0] == ring[-1] for ring in rings)
        mask = semantic == 3 if name is None else instance == int(name)
        np.testing.assert_array_equal(filled([r[:-1] for r in rings], mask.shape), mask)
    assert [f["geometry"]["type"] for f in content["features"]] == [
        *("MultiPolygon", "MultiPolygon", "Polygon", "Polygon")
    ]
    assert [len(part) for part in shown["1"]["geometry"]["coordinates"]] == [2, 1]
    assert shown["1"]["properties"] == {
        "objectType": "detection",
        "name": "1",
        "classification": {"name": "cell", "color": [255, 128, 0]},
        "measurements": {"score": 0.5},
    }
    assert shown[None]["properties"]["objectType"] == "annotation"


def test_geojson_is_one_line_however_many_corners_there_are(results):
    files = sorted(results.deliver(["geojson"]).glob("*.geojson"))
    assert files
    assert [path.read_text(encoding="utf-8").count("\n") for path in files] == [1] * len(files)


def test_classes_alone_are_regions():
    semantic, _ = scene()
    content = geojson(Prediction("a", semantic, None, GEOMETRY), CLASSES)
    names = [f["properties"]["classification"]["name"] for f in content["features"]]
    assert names == ["cell", "Zelle <b>", "stroma"]


def test_rois_of_imagej(results):
    out = results.deliver(["imagej_roi"])
    first = (out / "a_rois.zip").read_bytes()
    rois = roifile.roiread(out / "a_rois.zip")
    _, instance = scene()
    assert [roi.name for roi in rois] == ["00001", "00002", "00004"]
    for roi in rois:
        rings = roi.coordinates(multi=True)
        rings = rings if isinstance(rings, list) else [rings]
        rings = [[tuple(map(int, corner)) for corner in ring] for ring in rings]
        mask = instance == int(roi.name)
        np.testing.assert_array_equal(filled(rings, mask.shape), mask)
        rows, columns = np.nonzero(mask)
        assert (roi.left, roi.top) == (columns.min(), rows.min())
        assert (roi.right, roi.bottom) == (columns.max() + 1, rows.max() + 1)
    assert rois[0].stroke_color == bytes([255, 255, 128, 0])
    assert (results.deliver(["imagej_roi"]) / "a_rois.zip").read_bytes() == first


def test_what_cannot_be_delivered_is_refused(results):
    said = [p.what for p in format_problems(ALL[:4], "export.formats", "d", 3, "instance")]
    assert [text.split()[0] for text in said] == ["coco", "coco_panoptic", "geojson"]
    assert all("two axes, and d has 3" in text for text in said)
    assert not list(format_problems(["table"], "export.formats", "d", 3, "instance"))
    with pytest.raises(
        SeptumError, match=r"export\.formats: coco is for objects(?s:.)*datasets\.d"
    ):
        results.deliver(["coco"], annotation="semantic")
    assert not (results.folder / "out").exists()


def test_classes_without_a_colour_get_different_ones():
    colours = [class_colour(i, ClassSpec(name="c")) for i in range(1, 20)]
    assert len(set(colours)) == 19
    assert class_colour(1, CLASSES[1]) == (255, 128, 0)
