"""The stage that makes elastic copies of a batch of cases."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from disc_batch import make_plan, weigh, write, write_batch

from septum.augmentation.elastic import ElasticDeformation
from septum.config.schema import Augment
from septum.data.store import case_path, case_paths, read_case
from septum.errors import SeptumError
from septum.seeds import seed_of
from septum.stages.augment.stage import augment_batch, separate_pieces

SETTINGS = Augment(copies=2, sigma=4.0)


@pytest.fixture
def batch(tmp_path):
    return write_batch(tmp_path)


def augment(root, settings=SETTINGS, seed=0, out="copies"):
    augment_batch(
        dataset="discs",
        cases=root / "cases" / "b0",
        settings=settings,
        seed=seed,
        out=root / out / "b0",
    )
    return root / out / "b0"


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
