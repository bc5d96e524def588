"""COCO's detection format, read again."""

from __future__ import annotations

import json

import numpy as np
import pycocotools.coco
from delivered import decoded, deliver, scene


def test_coco_instances(tmp_path):
    out = deliver(tmp_path, ["coco"])
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


def test_coco_is_read_by_pycocotools(tmp_path):
    coco = pycocotools.coco
    truth = coco.COCO(str(deliver(tmp_path, ["coco"]) / "coco.json"))
    for annotation in truth.loadAnns(truth.getAnnIds()):
        assert truth.annToMask(annotation).sum() == annotation["area"]
