"""Formats that do not fit a dataset."""

from __future__ import annotations

from septum.data.writers.format_fits import format_problems

ALL = ["table", "coco", "coco_panoptic", "geojson", "imagej_roi"]


def test_formats_that_do_not_fit():
    said = [p.what for p in format_problems(ALL, "export.formats", "d", 3, "instance")]
    assert [text.split()[0] for text in said] == ["coco", "coco_panoptic", "geojson", "imagej_roi"]
    assert all("two axes, and d has 3" in text for text in said)
    assert not list(format_problems(["table"], "export.formats", "d", 3, "instance"))
    (said,) = format_problems(["coco"], "export.formats", "d", 2, "semantic")
    assert said.what == "coco is for objects, and d has classes only"
