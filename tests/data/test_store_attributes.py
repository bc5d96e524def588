"""Records that a store keeps beside its arrays, and their JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from septum.data.store import Case, Geometry, open_case, write_case
from septum.data.store_attributes import IntensityStatistics, LabelCounts, PredictionAttributes


def test_statistics_and_counts_lie_together_in_the_file(tmp_path):
    statistics = IntensityStatistics({"0": [0.0], "99.8": [7.5]}, mean=[1.5], std=[0.25])
    counts = LabelCounts(objects=2, renumbered=False, void=3)
    image = np.arange(20, dtype=np.uint8).reshape(1, 4, 5)
    write_case(tmp_path / "a.zarr", Case("a", image, None, None, Geometry((1.0, 1.0)), statistics))
    group = json.loads((tmp_path / "a.zarr/zarr.json").read_text())
    assert group["attributes"]["septum"]["statistics"] == {
        "percentiles": {"0": [0.0], "99.8": [7.5]},
        "mean": [1.5],
        "std": [0.25],
        "labels": {},
    }
    annotated = Case("a", image, None, None, Geometry((1.0, 1.0)), statistics, label_counts=counts)
    write_case(tmp_path / "a.zarr", annotated)
    group = json.loads((tmp_path / "a.zarr/zarr.json").read_text())
    stored = group["attributes"]["septum"]["statistics"]["labels"]
    assert stored == {"objects": 2, "renumbered": False, "void": 3}
    read = open_case(tmp_path / "a.zarr")
    assert (read.statistics, read.label_counts) == (statistics, counts)


def test_attributes_of_a_prediction_as_json():
    attributes = PredictionAttributes(
        annotation="instance",
        classes={1: "cell", 10: "other"},
        decoder={"method": "components", "min_size": 9},
        tile=(64, 32),
        models=("ab", "cd"),
        subset="test",
        fold="ensemble",
    )
    plain = {
        "annotation": "instance",
        "classes": {"1": "cell", "10": "other"},
        "decoder": {"method": "components", "min_size": 9},
        "tile": [64, 32],
        "models": ["ab", "cd"],
        "subset": "test",
        "fold": "ensemble",
    }
    assert attributes.to_json() == plain
    assert PredictionAttributes.from_json(json.loads(json.dumps(plain))) == attributes


def test_what_is_not_known_is_left_out_and_what_a_newer_version_adds_is_passed_over():
    assert PredictionAttributes().to_json() == {}
    assert LabelCounts(unnumbered=0).to_json() == {"unnumbered": 0}
    # a method without parameters is no unknown one
    assert PredictionAttributes(parameters={}).to_json() == {"parameters": {}}
    assert PredictionAttributes.from_json({"fold": "0", "colour": 3}).fold == "0"
    assert LabelCounts.from_json({"objects": 4, "colour": 3}) == LabelCounts(objects=4)


def test_what_is_always_written_must_be_there():
    with pytest.raises(KeyError, match="std"):
        IntensityStatistics.from_json({"percentiles": {}, "mean": [1.0]})
    with pytest.raises(TypeError):
        LabelCounts.from_json(3)
