"""The table of the objects of a case."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from delivered import CLASSES, deliver

from septum.data.store import Geometry, Prediction
from septum.data.writers.table import object_table


def test_a_table_of_objects(tmp_path):
    path = deliver(tmp_path, ["table"]) / "a_objects.csv"
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
