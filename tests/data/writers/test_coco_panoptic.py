"""COCO's panoptic format, read again."""

from __future__ import annotations

import json

import numpy as np
from delivered import deliver, scene
from PIL import Image


def test_coco_panoptic(tmp_path):
    out = deliver(tmp_path, ["coco_panoptic"])
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
