"""The stages that make elastic copies and weight maps of a batch of cases."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from scipy import ndimage

from septum.augmentation.elastic import ElasticDeformation
from septum.config.schema import Augment, ClassSpec, Weights
from septum.data.plan import Plan
from septum.data.store import (
    Case,
    Geometry,
    case_path,
    case_paths,
    read_case,
    write_case,
)
from septum.errors import SeptumError
from septum.instances.touching import separate_touching
from septum.io.atomic import write_json
from septum.io.zarr_arrays import open_array, read_attributes
from septum.seeds import seed_of
from septum.stages.augment.stage import augment_batch, separate_pieces
from septum.stages.weights.stage import weights_batch

SETTINGS = Augment(copies=2, sigma=4.0)


def nuclei(seed, shape=(48, 56)):
    """Return an image and an instance map of discs, some of which touch."""
    random = np.random.default_rng(seed)
    grid, instance = np.ogrid[tuple(map(slice, shape))], np.zeros(shape, np.uint32)
    for number in range(1, 7):
        centre = [random.uniform(0, n) for n in shape]
        inside = sum((axis - c) ** 2 for axis, c in zip(grid, centre, strict=True)) < 64
        instance[inside & (instance == 0)] = number
    image = ndimage.gaussian_filter((instance > 0) * 200.0, 1)[None]
    return np.rint(image).astype(np.uint8), instance


def write(folder, name, seed=0, annotation="instance", spacing=(1.0, 1.0)):
    image, instance = nuclei(seed)
    semantic = (instance > 0).astype(np.uint16)
    case = Case(
        name=name,
        image=image,
        semantic=None if annotation is None else semantic,
        instance=instance if annotation == "instance" else None,
        geometry=Geometry(spacing, "micrometer", source={"reader": "tiff", "path": "x.tif"}),
        statistics={"percentiles": {"0": [0.0], "100": [200.0]}, "mean": [31.0], "std": [7.0]},
    )
    write_case(case_path(folder, name), case)
    return case


def make_plan(path, *, train=(), folds=((),), test=()):
    plan = Plan(
        dataset="discs",
        spatial_dims=2,
        in_channels=1,
        spacing=(1.0, 1.0),
        unit="micrometer",
        annotation="instance",
        classes={1: ClassSpec(name="object")},
        normalisation={"scheme": "none"},
        patch=(32, 32),
        weights={"sigma": 5.0, "class_weights": {"0": 0.75, "1": 2.5}},
        min_size=0,
        fingerprint={},
        test=list(test),
        folds=[list(names) for names in folds],
        train=list(train),
        unlabelled=[],
        derived={},
    )
    write_json(path, plan.to_json())
    return path


@pytest.fixture
def batch(tmp_path):
    """Write a batch of four cases, one of them in the test set and one without labels."""
    folder = tmp_path / "cases" / "b0"
    for seed, name in enumerate(["zelle ä", "b", "held out"]):
        write(folder, name, seed)
    write(folder, "raw", 7, annotation=None)
    make_plan(tmp_path / "plan.json", train=["zelle ä"], folds=[["b"], []], test=["held out"])
    return tmp_path


def augment(root, settings=SETTINGS, seed=0, out="copies"):
    augment_batch(
        dataset="discs",
        cases=root / "cases" / "b0",
        settings=settings,
        seed=seed,
        out=root / out / "b0",
    )
    return root / out / "b0"


def weigh(root, copies=True, **settings):
    out = root / "weights" / "b0"
    weights_batch(
        cases=root / "cases" / "b0",
        copies=root / "copies" / "b0" if copies else None,
        plan=root / "plan.json",
        settings=Weights(**settings),
        out=out,
    )
    return out


def all_bytes(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class TestAugmentBatch:
    def test_names_and_parents(self, batch):
        paths = case_paths([augment(batch)])
        annotated = ["b", "held out", "zelle ä"]
        assert sorted(paths) == [f"{name}/e0{n}" for name in annotated for n in (1, 2)]
        stem = case_path("", "zelle ä").stem
        assert paths["zelle ä/e02"].name == f"{stem}+e02.zarr"
        assert read_case(paths["zelle ä/e02"]).parent == "zelle ä"

    def test_no_case_is_taken_for_a_copy(self, tmp_path):
        names = ["a", "a e01", "a.e01"]
        for seed, name in enumerate(names):
            write(tmp_path / "cases" / "b0", name, seed)
        make_plan(tmp_path / "plan.json", train=names)
        copies = case_paths([augment(tmp_path, settings=Augment(copies=1))])
        assert sorted(copies) == ["a e01/e01", "a.e01/e01", "a/e01"]
        assert sorted(case_paths([weigh(tmp_path)])) == sorted([*names, *copies])

    def test_a_copy_is_its_parent_deformed(self, batch):
        parent = read_case(case_path(batch / "cases" / "b0", "b"))
        copy = read_case(case_paths([augment(batch)])["b/e01"])
        deformation = ElasticDeformation(sigma=4.0, seed=seed_of(0, "discs", "b", 1))
        image, labels = deformation(parent.image, parent.instance)
        assert (copy.image == image).all()
        assert (copy.image != parent.image).any()
        assert ((copy.instance > 0) <= (labels > 0)).all()
        assert (copy.semantic == (copy.instance > 0)).all()
        assert copy.statistics == parent.statistics
        assert copy.geometry == parent.geometry
        assert (copy.semantic.dtype, copy.instance.dtype) == (np.uint16, np.uint32)

    def test_copies_differ(self, batch):
        paths = case_paths([augment(batch)])
        images = [read_case(path).image.tobytes() for path in paths.values()]
        assert len(set(images)) == 6

    def test_seed_decides_and_order_does_not(self, batch):
        first, again = augment(batch), augment(batch, out="again")
        other = augment(batch, seed=1, out="other")
        assert all_bytes(first) == all_bytes(again)
        assert all_bytes(first) != all_bytes(other)
        one = augment(batch, settings=Augment(copies=1, sigma=4.0), out="one")
        assert all_bytes(one) == {
            name: content for name, content in all_bytes(first).items() if "+e01." in name
        }

    def test_no_copies(self, batch):
        assert list(augment(batch, settings=Augment(copies=0)).iterdir()) == []

    def test_older_copies_are_replaced(self, batch):
        augment(batch)
        out = augment(batch, settings=Augment(copies=1))
        assert sorted(case_paths([out])) == ["b/e01", "held out/e01", "zelle ä/e01"]

    def test_counts_are_logged(self, batch, caplog):
        with caplog.at_level(logging.INFO, "septum.stages.augment.stage"):
            augment(batch)
        lines = [record.getMessage() for record in caplog.records]
        assert len(lines) == 7
        assert lines[0].startswith("b/e01: 6 objects, ")
        assert lines[-1].startswith("6 copies: 36 objects, ")

    def test_semantic_annotation(self, tmp_path):
        write(tmp_path / "cases" / "b0", "a", annotation="semantic")
        copy = read_case(case_paths([augment(tmp_path)])["a/e01"])
        assert copy.instance is None
        assert set(np.unique(copy.semantic)) == {0, 1}

    def test_coarse_axis(self, tmp_path):
        parent = write(tmp_path / "cases" / "b0", "a", spacing=(2.0, 0.5))
        copy = read_case(case_paths([augment(tmp_path)])["a/e01"])
        seed = seed_of(0, "discs", "a", 1)
        expected = ElasticDeformation(sigma=4.0, seed=seed, spacing=(2.0, 0.5))(parent.image)[0]
        assert (copy.image == expected).all()

    def test_missing_batch_leaves_nothing(self, batch):
        with pytest.raises(SeptumError, match="nowhere"):
            augment_batch(
                dataset="discs",
                cases=batch / "nowhere",
                settings=SETTINGS,
                seed=0,
                out=batch / "copies",
            )
        assert not (batch / "copies").exists()


class TestSeparatePieces:
    def test_a_split_object_becomes_two(self):
        before = np.array([[0, 4, 4, 4, 0, 9, 9]])
        after = np.array([[0, 4, 0, 4, 0, 9, 9]])
        instance, counts = separate_pieces(before, after)
        assert instance.tolist() == [[0, 1, 0, 2, 0, 3, 3]]
        assert instance.dtype == np.uint32
        assert (counts.objects, counts.split, counts.pieces) == (2, 1, 2)
        assert (counts.dropped, counts.lost) == (0, 0)

    def test_an_object_in_pieces_before_stays_one(self):
        before = np.array([[3, 0, 3, 0, 0, 5]])
        instance, counts = separate_pieces(before, before)
        assert instance.tolist() == [[1, 0, 1, 0, 0, 2]]
        assert counts.split == 0
        instance, counts = separate_pieces(before, np.array([[3, 0, 3, 0, 3, 5]]))
        assert instance.tolist() == [[1, 0, 2, 0, 3, 4]]
        assert (counts.split, counts.pieces) == (1, 3)

    def test_crumbs_are_dropped(self):
        before = np.ones((1, 30), int)
        after = np.ones((1, 30), int)
        after[0, 28] = 0
        instance, counts = separate_pieces(before, after)
        assert instance[0].tolist() == [1] * 28 + [0, 0]
        assert (counts.split, counts.pieces, counts.dropped) == (1, 1, 1)

    def test_lost_objects_and_diagonal_neighbours(self):
        before = np.array([[7, 0, 2], [0, 7, 0]], np.uint32)
        after = np.array([[7, 0, 0], [0, 7, 0]], np.uint32)
        instance, counts = separate_pieces(before, after)
        assert instance.tolist() == [[1, 0, 0], [0, 1, 0]]
        assert (counts.objects, counts.split, counts.lost) == (2, 0, 1)

    def test_no_object(self):
        instance, counts = separate_pieces(np.zeros((4, 4), int), np.zeros((4, 4), int))
        assert (instance == 0).all()
        assert counts.objects == 0

    def test_touching_objects_stay_apart(self):
        before = np.array([[1, 1, 2, 2]])
        assert separate_pieces(before, before)[0].tolist() == [[1, 1, 2, 2]]


class TestWeightsBatch:
    def test_a_map_for_each_training_case_and_copy(self, batch):
        copies = augment(batch)
        paths = case_paths([weigh(batch)])
        expected = case_paths([batch / "cases" / "b0", copies])
        for name in ("raw", "held out", "held out/e01", "held out/e02"):
            del expected[name]
        assert {n: p.name for n, p in paths.items()} == {n: p.name for n, p in expected.items()}
        assert sorted(case_paths([weigh(batch, copies=False)])) == ["b", "zelle ä"]

    def test_values(self, batch):
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

    def test_spacing_of_the_case(self, tmp_path):
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

    def test_semantic_annotation_has_class_weights_only(self, tmp_path):
        case = write(tmp_path / "cases" / "b0", "a", annotation="semantic")
        make_plan(tmp_path / "plan.json", train=["a"])
        weights = open_array(case_paths([weigh(tmp_path, copies=False)])["a"], "weights")[...]
        assert (weights == np.where(case.semantic > 0, 2.5, 0.75)).all()

    def test_settings_take_the_place_of_what_was_derived(self, batch):
        folder = weigh(batch, copies=False, sigma=3.0, w0=4.0, class_balance=False)
        weights = open_array(case_paths([folder])["b"], "weights")[...]
        objects = separate_touching(nuclei(1)[1])
        distances = [
            ndimage.distance_transform_edt(objects != i) for i in np.unique(objects[objects > 0])
        ]
        d1, d2 = np.sort(distances, axis=0)[:2]
        outside = 1 + 4 * np.exp(-((d1 + d2) ** 2) / 18)
        np.testing.assert_allclose(weights, np.where(objects > 0, 1, outside), atol=1e-5)

    def test_mode(self, batch):
        folder = weigh(batch, copies=False, mode="lmb")
        weights = open_array(case_paths([folder])["b"], "weights")[...]
        assert (weights[separate_touching(nuclei(1)[1]) > 0] == 1).all()
        assert weights.max() > 20
