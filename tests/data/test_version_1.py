"""Stores, plans and tables that Septum 0.1.0 wrote are read as they were (`v1/README.md`)."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np

from septum.data.plan import PlannedWeights, read_plan
from septum.data.store import case_paths, read_case, read_prediction
from septum.stages.leaderboard.scores import read_rows

FILES = Path(__file__).parent / "v1"
EXPECTED = json.loads((FILES / "expected_v1.json").read_text(encoding="utf-8"))


def same(array: np.ndarray, expected: dict) -> bool:
    """Say whether an array has the dtype, the shape and the bytes that were recorded."""
    assert (str(array.dtype), list(array.shape)) == (expected["dtype"], expected["shape"])
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest() == expected["sha256"]


def test_a_case():
    ((name, path),) = case_paths([FILES / "case_v1"]).items()
    case, expected = read_case(path), EXPECTED["case"]
    assert (name, case.name, case.parent) == ("field_09", "field_09", None)
    for part in ("image", "semantic", "instance"):
        assert same(getattr(case, part), expected[part])
    assert np.bincount(case.instance.ravel()).tolist() == expected["instance"]["pixels"]
    assert (case.geometry.spacing, case.geometry.unit) == ((1.0, 1.0), "pixel")
    assert case.statistics.mean == [63.585693359375]
    assert case.void is None


def test_a_prediction():
    (path,) = case_paths([FILES / "prediction_v1"]).values()
    prediction, expected = read_prediction(path), EXPECTED["prediction"]
    for part in ("semantic", "instance"):
        assert same(getattr(prediction, part), expected[part])
    assert len(prediction.scores) == 13
    assert prediction.scores[:2] == [0.793428, 0.815671]
    assert prediction.attributes.fold == "0"
    assert prediction.attributes.classes == {1: "nucleus"}


def test_a_plan_is_written_as_it_was_read():
    text = (FILES / "plan_v1.json").read_text(encoding="utf-8")
    plain = read_plan(FILES / "plan_v1.json").to_json()
    # it did not say its version
    assert plain.pop("format_version") == 1
    assert json.dumps(plain) == json.dumps(json.loads(text))


def test_a_plan():
    plan = read_plan(FILES / "plan_v1.json")
    assert (plan.dataset, plan.spacing, plan.unit) == ("demo_nuclei", (1.0, 1.0), "pixel")
    assert (plan.patch, plan.min_size) == ((128, 128), 46)
    assert plan.weights == PlannedWeights(2.0, {"0": 0.847448, "1": 1.219532})
    assert plan.val_cases(2) == ["field_07", "field_15", "field_19"]
    assert plan.test[:2] == ["field_03", "field_06"]
    assert plan.diameters["50"] == 18.47236308621676


def test_a_table_of_scores():
    first, second, *_ = read_rows(FILES / "cases_v1.csv")
    assert (first["case"], first["fold"], first["subset"]) == ("field_01", "ensemble", "test")
    assert (first["iou"], first["missed"], first["hd95"]) == (0.0, 36.0, math.inf)
    assert math.isnan(first["pq_stuff"])
    assert (second["pq"], second["n_true"], second["assd"]) == (0.753581, 50.0, 0.994856)
