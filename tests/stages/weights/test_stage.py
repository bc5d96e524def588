"""The stage that makes the weight maps of a batch of cases."""

from __future__ import annotations

import numpy as np
import pytest
from disc_batch import make_plan, nuclei, weigh, write, write_batch
from scipy import ndimage

from septum.config.schema import Augment
from septum.data.store import case_paths
from septum.instances.touching import separate_touching
from septum.io.zarr_arrays import open_array, read_attributes
from septum.stages.augment.stage import augment_batch


@pytest.fixture
def batch(tmp_path):
    return write_batch(tmp_path)


def test_a_map_for_each_training_case_and_copy(batch):
    copies = batch / "copies" / "b0"
    augment_batch(
        dataset="discs",
        cases=batch / "cases" / "b0",
        settings=Augment(copies=2, sigma=4.0),
        seed=0,
        out=copies,
    )
    paths = case_paths([weigh(batch)])
    expected = case_paths([batch / "cases" / "b0", copies])
    for name in ("raw", "held out", "held out/e01", "held out/e02"):
        del expected[name]
    assert {n: p.name for n, p in paths.items()} == {n: p.name for n, p in expected.items()}
    assert sorted(case_paths([weigh(batch, copies=False)])) == ["b", "zelle ä"]


def test_values(batch):
    path = case_paths([weigh(batch, copies=False)])["b"]
    weights = open_array(path, "weights")[...]
    objects = separate_touching(nuclei(1)[1])
    distances = [
        ndimage.distance_transform_edt(objects != i) for i in np.unique(objects[objects > 0])
    ]
    d1, d2 = np.sort(distances, axis=0)[:2]
    outside = 0.75 + 10 * np.exp(-((d1 + d2) ** 2) / 50)
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, np.where(objects > 0, 2.5, outside), atol=1e-5)
    assert read_attributes(path, "array")["name"] == "b"


def test_spacing_of_the_case(tmp_path):
    write(tmp_path / "cases" / "b0", "a", spacing=(2.0, 0.5))
    make_plan(tmp_path / "plan.json", train=["a"])
    weights = open_array(case_paths([weigh(tmp_path, copies=False)])["a"], "weights")[...]
    objects = separate_touching(nuclei(0)[1])
    distances = [
        ndimage.distance_transform_edt(objects != i, sampling=(2.0, 0.5))
        for i in np.unique(objects[objects > 0])
    ]
    d1, d2 = np.sort(distances, axis=0)[:2]
    outside = 0.75 + 10 * np.exp(-((d1 + d2) ** 2) / 50)
    np.testing.assert_allclose(weights, np.where(objects > 0, 2.5, outside), atol=1e-5)


def test_semantic_annotation_has_class_weights_only(tmp_path):
    case = write(tmp_path / "cases" / "b0", "a", annotation="semantic")
    make_plan(tmp_path / "plan.json", train=["a"])
    weights = open_array(case_paths([weigh(tmp_path, copies=False)])["a"], "weights")[...]
    assert (weights == np.where(case.semantic > 0, 2.5, 0.75)).all()


def test_settings_take_the_place_of_what_was_derived(batch):
    folder = weigh(batch, copies=False, sigma=3.0, w0=4.0, class_balance=False)
    weights = open_array(case_paths([folder])["b"], "weights")[...]
    objects = separate_touching(nuclei(1)[1])
    distances = [
        ndimage.distance_transform_edt(objects != i) for i in np.unique(objects[objects > 0])
    ]
    d1, d2 = np.sort(distances, axis=0)[:2]
    outside = 1 + 4 * np.exp(-((d1 + d2) ** 2) / 18)
    np.testing.assert_allclose(weights, np.where(objects > 0, 1, outside), atol=1e-5)


def test_mode(batch):
    folder = weigh(batch, copies=False, mode="lmb")
    weights = open_array(case_paths([folder])["b"], "weights")[...]
    assert (weights[separate_touching(nuclei(1)[1]) > 0] == 1).all()
    assert weights.max() > 20
