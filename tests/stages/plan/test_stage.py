"""The plan of a dataset, made of its stored cases."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import numpy as np
import pytest

from septum.config.dataset import Dataset
from septum.config.schema import ClassSpec, PercentileScaling, Split, Weights
from septum.data.intensity import statistics
from septum.data.plan import Plan, PlannedWeights, read_plan
from septum.data.store import Case, Geometry, case_path, write_case
from septum.errors import SeptumError
from septum.stages.plan.stage import describe_plan, plan_dataset


def disc_image(seed: int, *, radius=6, count=9, size=96, bright=200.0) -> tuple:
    """Return an 8-bit image of discs on a grid, and their labels."""
    rng = np.random.default_rng(seed)
    y, x = np.ogrid[:size, :size]
    labels = np.zeros((size, size), np.uint32)
    for index in range(count):
        row, column = (16 + 32 * k + rng.integers(-6, 7) for k in divmod(index, 3))
        labels[(y - row) ** 2 + (x - column) ** 2 <= radius**2] = index + 1
    image = 20 + (labels > 0) * bright + rng.normal(0, 4, labels.shape)
    return image.clip(0, 255).astype(np.uint8)[None], labels


def make(name, image, labels=None, *, spacing=None, unit="pixel", reader="tiff") -> Case:
    spacing = spacing or (1.0,) * (image.ndim - 1)
    geometry = Geometry(spacing, unit, None, {"reader": reader})
    semantic = None if labels is None else (labels > 0).astype(np.uint16)
    return Case(name, image, semantic, labels, geometry, statistics(image))


def store(tmp_path, cases) -> list:
    folder = tmp_path / "cases" / "1of1"
    folder.mkdir(parents=True)
    for case in cases:
        write_case(case_path(folder, case.name), case)
    return [folder]


def dataset(**keys) -> Dataset:
    return Dataset(images="{case}.tif", labels="{case}.tif", **keys)


def plan_of(tmp_path, cases, *, groups=None, split_file=None, seed=0, **keys) -> Plan:
    keys.setdefault("split", Split(folds=3))
    plan_dataset(
        dataset=dataset(**keys),
        name="cells",
        cases=store(tmp_path, cases),
        groups=groups or {case.name: case.name for case in cases},
        split_file=split_file,
        seed=seed,
        out=tmp_path / "plan.json",
    )
    return read_plan(tmp_path / "plan.json")


def discs(count=10, **keys) -> list[Case]:
    return [make(f"c{i}", *disc_image(i, **keys)) for i in range(count)]


def test_plan_of_a_dataset(tmp_path, caplog):
    cases = [*discs(10), make("new", disc_image(99)[0])]
    with caplog.at_level(logging.INFO, "septum"):
        plan = plan_of(tmp_path, cases, seed=1, split=Split(test=0.2, folds=4))
    assert (plan.spatial_dims, plan.in_channels, plan.unit) == (2, 1, "pixel")
    assert plan.classes == {1: ClassSpec(name="object", kind="thing")}
    assert plan.normalisation == PercentileScaling(lower=1.0, upper=99.8)
    assert plan.patch == (96, 96)  # the images are no larger
    assert plan.min_size == 56  # a disc of radius 6 has 113 px
    # settings of the weight maps are their stage's, so that changing them leaves the plan alone
    assert plan.weights.sigma == 2.0
    assert plan.fingerprint["cases"] == 11
    assert plan.fingerprint["objects"]["count"] == 90
    assert plan.unlabelled == ["new"]
    assert len(plan.test) == 2
    labelled = {f"c{i}" for i in range(10)}
    for fold in range(4):
        train, val = plan.train_cases(fold), plan.val_cases(fold)
        assert len(val) == 2
        assert {*train, *val, *plan.test} == labelled
        assert len(train) + len(val) + len(plan.test) == 10
    shown = caplog.text
    for value in ("96 × 96", "several objects of 12 px", "microscopy", "2 test", "56 px"):
        assert value in shown


def test_plan_survives_the_file_and_is_the_same_twice(tmp_path):
    first = plan_of(tmp_path / "a", discs(8))
    second = plan_of(tmp_path / "b", list(reversed(discs(8))))
    assert first == second
    assert (tmp_path / "a/plan.json").read_bytes() == (tmp_path / "b/plan.json").read_bytes()
    assert Plan.from_json(json.loads(json.dumps(first.to_json()))) == first


def test_nothing_is_derived_from_test_images(tmp_path):
    """Test images of another size, with larger objects, leave the derived settings as they are."""
    split = tmp_path / "s.json"
    split.write_text(json.dumps({"test": ["t"], "val": ["c0"], "train": ["c1", "c2"]}))
    plain = plan_of(tmp_path / "a", [*discs(3), make("t", *disc_image(50))], split_file=split)
    large = make("t", *disc_image(50, radius=15, size=300, bright=60))
    other = plan_of(tmp_path / "b", [*discs(3), large], split_file=split)
    same = ["normalisation", "patch", "weights", "min_size", "classes", "spacing", "derived"]
    same.append("diameters")
    assert plain.diameters["50"] == pytest.approx(12, abs=0.1)  # discs of radius 6
    assert {key: getattr(plain, key) for key in same} == {key: getattr(other, key) for key in same}
    assert other.fingerprint["size"]["max"] == [300, 300]  # the description has all cases


def test_train_cases_of_a_split_file(tmp_path):
    split = tmp_path / "s.csv"
    split.write_text("case,split\nc0,test\nc1,val\nc2,train\nc3,train\n")
    plan = plan_of(tmp_path, discs(4), split_file=split)
    assert (plan.test, plan.folds, plan.train) == (["c0"], [["c1"]], ["c2", "c3"])
    assert (plan.train_cases(0), plan.val_cases(0)) == (["c2", "c3"], ["c1"])
    with pytest.raises(SeptumError, match=r"asks for fold 1, but cells has 1 folds"):
        plan.train_cases(1)


def test_excluded_cases_may_stay_in_the_split_file(tmp_path):
    split = tmp_path / "s.json"
    split.write_text(json.dumps({"test": ["c0", "bad_7"], "val": ["c1"], "train": ["c2"]}))
    plan = plan_of(tmp_path, discs(3), split_file=split, exclude=["bad_*"])
    assert plan.test == ["c0"]


def test_groups_stay_together(tmp_path):
    groups = {f"c{i}": f"patient{i // 3}" for i in range(12)}
    plan = plan_of(tmp_path, discs(12), groups=groups, split=Split(test=0.25, folds=3))
    for part in (plan.test, *plan.folds):
        assert len(part) == 3
        assert len({groups[name] for name in part}) == 1


def test_a_semantic_dataset(tmp_path):
    cases = []
    for i in range(5):
        image, labels = disc_image(i)
        case = make(f"c{i}", image, labels)
        semantic = case.semantic.copy()
        semantic[:8] = 3
        cases.append(replace(case, semantic=semantic, instance=None))
    plan = plan_of(tmp_path, cases, annotation="semantic")
    assert [(i, c.kind) for i, c in plan.classes.items()] == [(1, "stuff"), (3, "stuff")]
    assert set(plan.weights.class_weights) == {"0", "1", "3"}
    assert plan.min_size == 0


def test_an_anisotropic_volume(tmp_path):
    cases = []
    for i in range(5):
        image, labels = disc_image(i, size=96)
        volume, solid = (np.repeat(a[None], 6, 0) for a in (image[0], labels))
        cases.append(make(f"c{i}", volume[None], solid, spacing=(4.0, 1.0, 1.0), unit="micrometer"))
    plan = plan_of(tmp_path, cases)
    assert (plan.spatial_dims, plan.spacing, plan.unit) == (3, (4.0, 1.0, 1.0), "micrometer")
    # discs of 113 px and 24 µm: as a ball 17.3 µm across, four of them 69
    assert plan.patch == (16, 80, 80)


def test_no_labels_at_all(tmp_path):
    plan = plan_of(tmp_path, [make(f"c{i}", disc_image(i)[0]) for i in range(3)])
    assert (plan.test, plan.folds, plan.unlabelled) == ([], [], ["c0", "c1", "c2"])


def test_images_without_any_object(tmp_path):
    cases = [make(f"c{i}", disc_image(i)[0], np.zeros((96, 96), np.uint32)) for i in range(5)]
    plan = plan_of(tmp_path, cases)
    assert plan.fingerprint["empty"] == 5
    assert plan.min_size == 0


# ---- duplicates ----


def with_copies() -> list[Case]:
    """Return 9 cases; c10 to c12 are copies of c0 to c2."""
    return [*discs(6), *(make(f"c{i + 10}", *disc_image(i)) for i in range(3))]


def test_duplicates_across_the_split_are_an_error(tmp_path):
    with pytest.raises(SeptumError, match=r"are the same image") as error:
        plan_of(tmp_path, with_copies(), split=Split(folds=4))
    assert all(p.where == "datasets.cells.split.duplicates" for p in error.value.problems)
    assert not (tmp_path / "plan.json").exists()


def test_duplicates_are_kept_together(tmp_path):
    plan = plan_of(tmp_path, with_copies(), split=Split(folds=4, duplicates="group"))
    parts = [plan.test, *plan.folds]
    for i in range(3):
        (home,) = (part for part in parts if f"c{i}" in part)
        assert f"c{i + 10}" in home


def test_duplicates_are_allowed(tmp_path, caplog):
    with caplog.at_level(logging.INFO, "septum"):
        plan_of(tmp_path, with_copies(), split=Split(folds=4, duplicates="allow"))
    assert "3 pairs of images are (nearly) the same" in caplog.text


def test_grouping_cannot_mend_a_split_file(tmp_path):
    split = tmp_path / "s.json"
    split.write_text(json.dumps({"test": ["a"], "train": ["b", "c", "d"]}))
    cases = [make(name, *disc_image(seed)) for name, seed in zip("abcd", (1, 1, 2, 3), strict=True)]
    settings = Split(folds=2, duplicates="group")
    with pytest.raises(SeptumError, match=r"'a' \(test\) and 'b' \(fold \d\) are the same image"):
        plan_of(tmp_path, cases, split_file=split, split=settings)


def test_the_reasons_for_scheme_and_window_are_printed_together(tmp_path):
    plan = plan_of(tmp_path, discs(8))
    assert "window" not in plan.derived
    derived = {**plan.derived, "normalisation": "Hounsfield units", "window": "as measured"}
    (line,) = (x for x in describe_plan(replace(plan, derived=derived)) if "normalisation" in x)
    assert line.endswith("(Hounsfield units; as measured)")


def test_settings_of_the_weight_maps(tmp_path):
    plan = plan_of(tmp_path, discs(8))
    derived = plan.weights.class_weights
    assert derived["1"] > 1 > derived["0"]
    auto = plan.with_weights(Weights(mode="lmb", w0=4.0))
    assert auto.weights == PlannedWeights(2.0, derived)
    assert auto.derived == plan.derived
    own = plan.with_weights(Weights(sigma=3.5, class_balance=False))
    assert own.weights.sigma == 3.5
    assert own.weights.class_weights == {"0": 1.0, "1": 1.0}
    changed = {key: why for key, why in own.derived.items() if why != plan.derived[key]}
    assert changed == {"sigma": "as configured", "class_weights": "class_balance is off"}


# ---- what cannot be planned or written ----


def test_cases_that_do_not_go_together(tmp_path):
    odd = make("rgb", np.random.default_rng(0).integers(0, 255, (3, 96, 96), np.uint8))
    with pytest.raises(SeptumError, match=r"datasets.cells: channels: 1 in most cases"):
        plan_of(tmp_path, [*discs(4), odd])


def test_too_few_cases(tmp_path):
    with pytest.raises(SeptumError, match=r"set split.folds to 2 or fewer"):
        plan_of(tmp_path, discs(3), split=Split(folds=5))


def test_unwritable_plan(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SeptumError, match=r"file/plan.json: cannot be written"):
        plan_dataset(
            dataset=dataset(split=Split(folds=3)),
            name="cells",
            cases=store(tmp_path, discs(4)),
            groups={},
            split_file=None,
            seed=0,
            out=tmp_path / "file" / "plan.json",
        )
