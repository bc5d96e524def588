"""Label files of every layout, from the pattern to the stored case and the plan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from coco_files import write_json, write_png
from PIL import Image

from septum.config.dataset import Dataset
from septum.config.load import validate
from septum.config.schema import ClassSpec
from septum.data.case_files import CaseFiles
from septum.data.plan import read_plan
from septum.data.store import VOID, case_paths, open_case
from septum.errors import SeptumError
from septum.stages.plan.stage import plan_dataset
from septum.stages.prepare.stage import load_case, prepare_batch
from septum.workflow.discovery import find_cases

CLASSES = {2: "cell", 1: {"name": "matrix", "kind": "stuff"}}
NAMES = ("a", "b", "c")
SEMANTIC = np.array([[0, 2, 2, 2], [1, 2, 2, 2], [1, 1, 0, 0], [9, 9, 0, 2]])
INSTANCE = np.array([[0, 1, 2, 2], [0, 1, 2, 2], [0, 0, 0, 0], [0, 0, 0, 3]])
PANOPTIC = {"annotation": "panoptic", "images": "i/{case}.png"}
LAYOUTS = {
    "one": {"labels": "one/{case}.tif", "classes": CLASSES, "void": 9},
    "pair": {
        "labels": "classes/{case}.tif",
        "instances": "objects/{case}.tif",
        "classes": CLASSES,
        "void": 9,
    },
    "coco": {"labels": "coco/{case}.png", "segments": "coco.json", "classes": CLASSES},
    "coco-alone": {"labels": "coco/{case}.png", "segments": "coco.json"},
    "by_class": {"labels": "by/{class}/{case}.tif", "classes": CLASSES, "void": 255},
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Path:
    """The same labels in every layout."""
    folder = tmp_path_factory.mktemp("lab")
    random = np.random.default_rng(0)
    # in COCO's format 0 is void, hence a category for what is background
    ids = np.where(SEMANTIC == 9, 0, np.where(SEMANTIC == 1, 90, INSTANCE + 4 * (SEMANTIC == 0)))
    maps = {
        "one": SEMANTIC * 1000 + INSTANCE,
        "classes": SEMANTIC,
        "objects": INSTANCE,
        "by/cell": np.where(SEMANTIC == 9, 255, INSTANCE),
        "by/matrix": SEMANTIC == 1,
    }
    for kind in ("i", "coco", *maps):
        (folder / kind).mkdir(parents=True)
    for name in NAMES:
        noise = random.integers(0, 255, SEMANTIC.shape, np.uint8)
        Image.fromarray(noise).save(folder / "i" / f"{name}.png")
        for kind, content in maps.items():
            tifffile.imwrite(folder / kind / f"{name}.tif", content.astype(np.uint16))
        write_png(folder / "coco" / f"{name}.png", ids)
    categories = [
        {"id": 2, "name": "cell", "isthing": 1},
        {"id": 1, "name": "matrix", "isthing": 0},
    ]
    segments = [(1, 2), (2, 2), (3, 2), (90, 1), (4, 3)]
    other = {"id": 3, "name": "other", "isthing": 0}
    write_json(folder / "coco.json", dict.fromkeys((f"{n}.png" for n in NAMES), segments),
               [*categories, other])  # fmt: skip
    return folder


def found(lab: Path, **options):
    raw = {"data_root": str(lab), "datasets": {"d": PANOPTIC | options}}
    loaded = validate(raw)
    return loaded.datasets["d"], find_cases(loaded, "d")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_maps(lab, layout):
    options = LAYOUTS[layout]
    if layout == "coco":
        options = options | {"classes": {**CLASSES, 7: {"name": "other", "kind": "stuff"}}}
    spec, files = found(lab, **options)
    assert [case.name for case in files] == list(NAMES)
    case = load_case(spec, "d", files[1])
    background = {"coco": 7, "coco-alone": 3}.get(layout, 0)
    expected = np.where(SEMANTIC == 9, VOID, np.where(SEMANTIC == 0, background, SEMANTIC))
    np.testing.assert_array_equal(case.semantic, expected)
    np.testing.assert_array_equal(case.instance, INSTANCE)
    assert (case.semantic.dtype, case.instance.dtype) == (np.uint16, np.uint32)
    counts = case.label_counts
    assert (counts.objects, counts.void) == (3, 2)


def test_files_are_found_by_class_in_the_order_of_the_ids(lab):
    _, files = found(lab, **LAYOUTS["by_class"])
    assert files[0].label_files == (f"{lab}/by/matrix/a.tif", f"{lab}/by/cell/a.tif")
    _, files = found(lab, **LAYOUTS["pair"])
    assert files[0].label_files == (f"{lab}/classes/a.tif", f"{lab}/objects/a.tif")
    _, files = found(lab, **LAYOUTS["coco"])
    assert files[0].label_files == (f"{lab}/coco/a.png", f"{lab}/coco.json")
    _, files = found(lab, **LAYOUTS["one"])
    assert (files[0].label_files, files[0].parts) == ((f"{lab}/one/a.tif",), ())


def test_a_part_that_is_missing_is_named(tmp_path):
    for name in ("i/a.png", "i/b.png", "by/cell/a.tif", "by/cell/b.tif", "by/matrix/a.tif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(SeptumError) as caught:
        found(tmp_path, **LAYOUTS["by_class"])
    (problem,) = caught.value.problems
    assert problem.where == "datasets.d.labels (matrix)"
    assert problem.what == "the case 'b' has no label by/matrix/b.tif"


def test_classes_that_only_coco_s_file_names_are_those_of_the_plan(lab, tmp_path):
    spec, files = found(lab, **LAYOUTS["coco-alone"], split={"folds": 2, "test": 0.0})
    spec = spec.model_copy(update={"split": spec.split.model_copy(update={"duplicates": "allow"})})
    prepare_batch(dataset=spec, dataset_name="d", cases=files, out=tmp_path / "cases")
    plan_dataset(
        dataset=spec,
        name="d",
        cases=[tmp_path / "cases"],
        groups={name: name for name in NAMES},
        split_file=None,
        seed=0,
        out=tmp_path / "plan.json",
    )
    plan = read_plan(tmp_path / "plan.json")
    assert plan.classes == {
        1: ClassSpec(name="matrix", kind="stuff"),
        2: ClassSpec(name="cell", kind="thing"),
        3: ClassSpec(name="other", kind="stuff"),
    }
    shares = plan.fingerprint["classes"]["pixel_share"]
    assert shares == pytest.approx({"1": 3 / 14, "2": 7 / 14, "3": 4 / 14})  # two of 16 are void
    stored = open_case(case_paths([tmp_path / "cases"])["a"]).label_counts
    assert stored.classes["2"]["kind"] == "thing"


def real(folder: Path, name: str, files: dict[str, str], **options):
    spec = Dataset(images="i/{case}.png", annotation="panoptic", **options)
    paths = [str(folder / path.format(name)) for path in files.values()]
    return load_case(spec, "ds", CaseFiles(name, (paths[0],), paths[1], tuple(paths[2:])))


def test_axons_in_two_files(real_data):
    folder = real_data / "axonsem"
    files = {"i": "images/{}.png", "c": "semantic/{}.png", "o": "labels/{}.tif"}
    classes = {1: {"name": "myelin", "kind": "stuff"}, 2: "axon"}
    for name in ("sub-rat3_sample-data9", "sub-rat4_sample-data12"):
        case = real(folder, name, files, labels="c", instances="o", classes=classes)
        objects = tifffile.imread(folder / "labels" / f"{name}.tif")
        np.testing.assert_array_equal(case.instance > 0, objects > 0)
        assert case.label_counts.objects == np.unique(objects[objects > 0]).size
        np.testing.assert_array_equal(
            case.semantic, np.asarray(Image.open(folder / "semantic" / f"{name}.png"))
        )


def test_vnc_in_every_layout(real_data, tmp_path):
    folder, name = real_data / "vnc", "00"
    raw = tifffile.imread(folder / "panoptic" / f"{name}.tif")
    names = {1: "glia", 2: "mitochondrion", 3: "synapse", 4: "profile"}
    classes = {i: {"name": n, "kind": "stuff" if i == 1 else "thing"} for i, n in names.items()}
    image = {"i": str(folder / "images" / f"{name}.png")}
    expected = real(folder, name, image | {"p": "panoptic/{}.tif"}, labels="p", classes=classes)
    # object numbers of two classes may be the same in files of their own, not in one
    things = (raw % 1000 > 0) & (raw // 1000 > 1)
    tifffile.imwrite(tmp_path / "objects.tif", np.where(things, raw, 0).astype(np.uint16))
    pair = image | {"c": "semantic/{}.png", "o": str(tmp_path / "objects.tif")}
    found = real(folder, name, pair, labels="c", instances="o", classes=classes)
    np.testing.assert_array_equal(found.semantic, expected.semantic)
    np.testing.assert_array_equal(found.instance, expected.instance)
    maps = {}
    for i, n in names.items():
        maps[n] = str(tmp_path / f"{n}.tif")
        own = np.where(raw // 1000 == i, 1 if i == 1 else raw % 1000, 0)
        tifffile.imwrite(maps[n], own.astype(np.uint16))
    found = real(folder, name, image | maps, labels="{class}", classes=classes)
    np.testing.assert_array_equal(found.instance, expected.instance)
    lost = (expected.semantic > 1) & (expected.instance == 0)  # of a thing, and of no object
    np.testing.assert_array_equal(found.semantic, np.where(lost, 0, expected.semantic))
