"""What is measured on cases, and put together to the fingerprint of a dataset."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from septum.data.intensity import statistics
from septum.data.store import Case, Geometry
from septum.errors import SeptumError
from septum.stages.plan.case_facts import measure
from septum.stages.plan.fingerprint import ball_diameter, check_alike, fingerprint


def make(name="a", image=None, semantic=None, instance=None, spacing=None, unit="pixel") -> Case:
    if image is None:
        size = (8, 8) if semantic is None else np.shape(semantic)
        image = np.arange(math.prod(size), dtype=np.uint8).reshape(1, *size)
    if semantic is not None:
        semantic = np.asarray(semantic, np.uint16)
    if instance is not None:
        instance = np.asarray(instance, np.uint32)
        semantic = (instance > 0).astype(np.uint16) if semantic is None else semantic
        image = image if image.shape[1:] == instance.shape else np.zeros((1, *instance.shape))
    spacing = spacing or (1.0,) * (image.ndim - 1)
    geometry = Geometry(spacing, unit, None, {"reader": "tiff"})
    return Case(name, image, semantic, instance, geometry, statistics(image))


def prints(*cases: Case) -> dict:
    return fingerprint([measure(case) for case in cases])


def test_ball_diameter():
    assert ball_diameter(np.array([math.pi * 25]), 2) == pytest.approx([10])
    assert ball_diameter(np.array([4 / 3 * math.pi * 27]), 3) == pytest.approx([6])


def test_objects():
    labels = np.zeros((20, 20), int)
    labels[:4, :4] = 1  # 16 px
    labels[4:8, :9] = 2  # 36 px, touches 1
    labels[12:, 12:] = 3  # 64 px, of two pieces
    labels[15:17, 12:] = 0
    labels[15:17, :2] = 4  # 4 px
    found = prints(make(instance=labels))["objects"]
    assert (found["count"], found["multipart"], found["touching_fraction"]) == (4, 1, 0.5)
    assert found["pixels"]["0"] == 4
    assert found["pixels"]["50"] == (16 + 36) / 2
    assert found["pixels"]["100"] == 48
    assert found["diameter_px"]["100"] == pytest.approx(2 * math.sqrt(48 / math.pi))
    assert found["per_case"] == {"min": 4, "median": 4, "max": 4}


def test_diameter_in_physical_units_and_in_pixels_of_the_finest_axis():
    labels = np.zeros((4, 10, 10), int)
    labels[1:3, 2:7, 2:7] = 1  # 50 voxels of 2 × 0.5 × 0.5 = 25 µm³
    case = make(instance=labels, spacing=(2.0, 0.5, 0.5), unit="micrometer")
    found = prints(case)["objects"]
    diameter = (6 * 25 / math.pi) ** (1 / 3)
    assert found["diameter"]["50"] == pytest.approx(diameter)
    assert found["diameter_px"]["50"] == pytest.approx(diameter / 0.5)


def test_classes_and_counts():
    one = make("one", semantic=[[0, 0, 1, 1], [0, 0, 0, 2]])
    empty = make("empty", semantic=np.zeros((2, 4)))
    found = prints(one, empty, make("new", image=np.zeros((1, 2, 4))))
    assert (found["cases"], found["annotated"], found["unlabelled"], found["empty"]) == (3, 2, 1, 1)
    assert found["classes"]["pixel_share"] == {"0": 13 / 16, "1": 2 / 16, "2": 1 / 16}
    assert found["classes"]["cases"] == {"0": 2, "1": 1, "2": 1}
    assert found["classes"]["with_instances"] == []
    assert found["objects"] is None


def test_classes_that_have_objects():
    semantic = [[1, 1, 2, 2], [0, 3, 3, 0]]
    found = prints(make(semantic=semantic, instance=[[0, 0, 1, 1], [0, 2, 2, 0]]))
    assert found["classes"]["with_instances"] == [2, 3]


def test_sizes_and_spacings():
    sizes = [(10, 40), (20, 30), (90, 35), (12, 200)]
    cases = [make(str(s), image=np.zeros((2, *s), np.uint16)) for s in sizes]
    found = prints(*cases)
    assert found["size"] == {"min": [10, 30], "median": [12, 35], "max": [90, 200]}
    assert found["spacing"]["median"] == [1.0, 1.0]
    assert (found["channels"], found["dtypes"], found["unit"]) == (2, {"uint16": 4}, "pixel")


def test_intensities_of_image_and_foreground():
    image = np.stack([np.arange(100.0).reshape(10, 10), np.full((10, 10), 7.0)])
    semantic = (image[0] >= 90).astype(int)
    found = prints(make(image=image, semantic=semantic))
    assert found["intensity"]["percentiles"]["50"] == [49.5, 7]
    assert found["intensity"]["mean"] == [49.5, 7]
    assert found["foreground"]["percentiles"]["50"] == [94.5, 7]
    assert found["foreground"]["std"] == pytest.approx([math.sqrt(8.25), 0])
    assert found["foreground"]["samples"] == 10


def test_foreground_is_sampled_from_foreground_only():
    image = np.random.default_rng(0).normal(size=(1, 64, 64))
    semantic = (image[0] > 1).astype(int)
    facts = measure(make(image=image, semantic=semantic), sample=50)
    assert facts.foreground.shape == (1, 50)
    assert facts.foreground.min() > 1
    assert len(np.unique(facts.foreground)) == 50  # none is drawn twice


def test_an_annotated_image_without_objects():
    found = prints(make(instance=np.zeros((5, 5))))
    assert found["objects"]["count"] == 0
    assert found["objects"]["touching_fraction"] is None
    assert (found["empty"], found["foreground"]) == (1, None)


def test_fit_for_json_and_the_same_twice():
    rng = np.random.default_rng(1)
    cases = [make(f"{i}", instance=rng.integers(0, 5, (30, 30))) for i in range(3)]
    text = json.dumps(prints(*cases), allow_nan=False)
    assert text == json.dumps(prints(*cases), allow_nan=False)
    assert json.loads(text) == prints(*cases)


def test_amount_is_objects_or_foreground_pixels():
    assert measure(make(instance=[[1, 1, 0, 2]])).amount == 2
    assert measure(make(semantic=[[1, 1, 0, 2]])).amount == 3
    assert measure(make()).annotated is False


def test_cases_that_do_not_go_together():
    flat = [make(str(i)) for i in range(3)]
    odd = [
        make("rgb", image=np.zeros((3, 8, 8))),
        make("stack", image=np.zeros((1, 4, 8, 8))),
        make("mm", spacing=(1.0, 1.0), unit="millimeter"),
    ]
    with pytest.raises(SeptumError) as error:
        check_alike([measure(case) for case in [*flat, *odd]], "datasets.x")
    whats = [problem.what for problem in error.value.problems]
    assert whats == [
        "spatial axes: 2 in most cases, but not in 'stack' (3)",
        "channels: 1 in most cases, but not in 'rgb' (3)",
        "unit of length: pixel in most cases, but not in 'mm' (millimeter)",
    ]
    check_alike([measure(case) for case in flat], "datasets.x")


def test_real_nuclei(real_data):
    """Counts of two images as dsb2018/index.csv has them."""
    from septum.data.readers.choose import read_image, read_labels

    counts = {"00071198d059": 27, "003cee89357d": 36}
    for prefix, objects in counts.items():
        (path,) = (real_data / "dsb2018/fluo/images").glob(f"{prefix}*.png")
        labels, _ = read_labels(real_data / "dsb2018/fluo/labels" / f"{path.stem}.tif")
        image, _ = read_image(path)
        found = prints(make(image=image, instance=labels))
        assert found["objects"]["count"] == objects
