"""The files of COCO's panoptic format, by themselves."""

from __future__ import annotations

import numpy as np
import pytest
from coco_files import write_json, write_png

from septum.config.schema import ClassSpec
from septum.data.readers.coco_panoptic import read_ids, read_segments
from septum.errors import SeptumError


def test_ids_are_the_digits_of_colours(tmp_path):
    # 70000 = 112 + 256 * 17 + 65536 * 1
    ids = np.array([[0, 5, 256], [65536, 70000, 2**24 - 1]])
    found, geometry = read_ids(write_png(tmp_path / "a.png", ids))
    assert found.dtype == np.uint32
    assert found.tolist() == ids.tolist()
    assert geometry.unit == "pixel"


def test_segments_and_categories(tmp_path):
    categories = [
        {"id": 3, "name": "cell", "isthing": 1, "color": [255, 0, 16]},
        {"id": 7, "name": "gland", "isthing": 0},
    ]
    path = write_json(tmp_path / "s.json", {"a.png": [(5, 3), (9, 7, 1)]}, categories)
    segments = read_segments(path)
    assert segments.categories == {
        3: ClassSpec(name="cell", kind="thing", colour="#ff0010"),
        7: ClassSpec(name="gland", kind="stuff"),
    }
    assert segments.of_image == {
        "a.png": [{"id": 5, "category_id": 3}, {"id": 9, "category_id": 7, "iscrowd": 1}]
    }
    assert segments.background is False


def test_septum_s_own_files_say_that_0_is_background(tmp_path):
    path = write_json(tmp_path / "s.json", {}, info={"unlabelled": "background", "year": 2026})
    assert read_segments(path).background is True


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(SeptumError, match=r"s\.json: does not exist"):
        read_segments(tmp_path / "s.json")
    (tmp_path / "s.json").write_text("{")
    with pytest.raises(SeptumError, match="is not valid JSON"):
        read_segments(tmp_path / "s.json")
