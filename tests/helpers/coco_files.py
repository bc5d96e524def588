"""COCO-panoptic files written by hand, independently of the package."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

CATEGORIES = [
    {"id": 7, "name": "cell", "isthing": 1, "color": [255, 0, 16], "supercategory": "x"},
    {"id": 3, "name": "matrix", "isthing": 0},
]


def write_png(path: Path, ids) -> Path:
    """Write segment ids as the colours R + 256 G + 65,536 B."""
    ids = np.asarray(ids)
    colours = np.zeros((*ids.shape, 3), np.uint8)
    for row, column in np.ndindex(ids.shape):
        rest, colours[row, column, 0] = divmod(int(ids[row, column]), 256)
        colours[row, column, 2], colours[row, column, 1] = divmod(rest, 256)
    Image.fromarray(colours).save(path)
    return path


def write_json(path: Path, images: dict, categories=CATEGORIES, **more) -> Path:
    """Write the JSON; ``images`` maps names of PNG files to (id, category[, iscrowd]) each."""
    annotations = [
        {
            "file_name": name,
            "image_id": number,
            "segments_info": [
                dict(zip(("id", "category_id", "iscrowd"), segment, strict=False))
                for segment in segments
            ],
        }
        for number, (name, segments) in enumerate(images.items())
    ]
    path.write_text(json.dumps({"annotations": annotations, "categories": categories} | more))
    return path
