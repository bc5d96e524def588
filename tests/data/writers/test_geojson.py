"""GeoJSON for QuPath, read again."""

from __future__ import annotations

import json

import numpy as np
from delivered import CLASSES, GEOMETRY, deliver, filled, scene

from septum.data.store import Prediction
from septum.data.writers.geojson import feature_collection


def test_geojson(tmp_path):
    out = deliver(tmp_path, ["geojson"])
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


def test_geojson_is_one_line_however_many_corners_there_are(tmp_path):
    files = sorted(deliver(tmp_path, ["geojson"]).glob("*.geojson"))
    assert files
    assert [path.read_text(encoding="utf-8").count("\n") for path in files] == [1] * len(files)


def test_classes_alone_are_regions():
    semantic, _ = scene()
    content = feature_collection(Prediction("a", semantic, None, GEOMETRY), CLASSES)
    names = [f["properties"]["classification"]["name"] for f in content["features"]]
    assert names == ["cell", "Zelle <b>", "stroma"]
