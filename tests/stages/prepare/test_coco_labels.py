"""COCO's panoptic format as labels: segments, crowds, unlabelled pixels, categories."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from coco_files import CATEGORIES, write_json, write_png

from septum.config.dataset import Dataset
from septum.config.schema import ClassSpec
from septum.data.case_files import CaseFiles
from septum.data.store import VOID, Geometry, Prediction
from septum.data.writers.coco_panoptic import CocoPanopticWriter
from septum.errors import SeptumError
from septum.stages.prepare.label_files import annotate_maps, read_maps

# 70000 needs all three colours; 258 is a crowd
IDS = [[0, 70000, 70000, 9], [258, 258, 5, 5]]
SEGMENTS = [(5, 3), (9, 7, 0), (70000, 7), (258, 7, 1)]
BY_NAME = {1: {"name": "matrix", "kind": "stuff"}, 2: "cell"}


def dataset(**options) -> Dataset:
    given = {"images": "i/{case}.png", "labels": "l/{case}.png", "segments": "s.json"}
    return Dataset(**given, annotation="panoptic", **options)


def read(folder: Path, spec: Dataset):
    files = CaseFiles("a", ("i/a.png",), str(folder / "a.png"), (str(folder / "s.json"),))
    maps, place = read_maps(spec, files)
    assert place.spacing == (1.0, 1.0)
    return annotate_maps(maps, spec, "ds", files)


@pytest.fixture
def folder(tmp_path) -> Path:
    write_png(tmp_path / "a.png", IDS)
    write_json(tmp_path / "s.json", {"a.png": SEGMENTS})
    return tmp_path


def test_segments_are_objects_and_regions_and_the_classes_are_the_categories(folder):
    found = read(folder, dataset())
    assert found.semantic.tolist() == [[VOID, 7, 7, 7], [VOID, VOID, 3, 3]]
    assert found.instance.tolist() == [[0, 2, 2, 1], [0, 0, 0, 0]]
    assert (found.semantic.dtype, found.instance.dtype) == (np.uint16, np.uint32)
    assert (found.counts.objects, found.counts.void) == (2, 3)
    classes = {int(i): ClassSpec(**spec) for i, spec in found.counts.classes.items()}
    assert classes == {
        7: ClassSpec(name="cell", kind="thing", colour="#ff0010"),
        3: ClassSpec(name="matrix", kind="stuff"),
    }


def test_declared_classes_are_found_by_their_names(folder):
    found = read(folder, dataset(classes=BY_NAME))
    assert found.semantic.tolist() == [[VOID, 2, 2, 2], [VOID, VOID, 1, 1]]
    assert found.counts.classes is None


def test_a_category_may_be_void_and_unlabelled_pixels_background(folder):
    found = read(folder, dataset(classes={2: "cell"}, void=3))
    assert found.semantic.tolist() == [[VOID, 2, 2, 2], [VOID, VOID, VOID, VOID]]
    assert read(folder, dataset(void="none")).semantic[0, 0] == 0


def test_a_file_that_changed_is_read_again(folder):
    assert read(folder, dataset()).semantic[1, 2] == 3
    write_json(folder / "s.json", {"a.png": [(5, 7), *SEGMENTS[1:]]})
    assert read(folder, dataset()).semantic[1, 2] == 7


def errors(folder, **options) -> list:
    with pytest.raises(SeptumError) as caught:
        read(folder, dataset(**options))
    return list(caught.value.problems)


def test_declared_classes_and_categories_that_disagree_are_named_both(folder):
    (problem,) = errors(folder, classes={7: "nucleus", 1: {"name": "matrix", "kind": "stuff"}})
    assert problem.where == "datasets.ds.classes"
    assert "declares 7 as 'nucleus', but" in problem.what
    assert problem.what.endswith("s.json has no such category; its category 7 is 'cell'")
    (problem,) = errors(folder, classes={1: "matrix", 2: "cell"})
    assert "declares 'matrix' as thing, but" in problem.what
    assert problem.what.endswith("s.json has it as stuff")
    assert "kind: stuff" in problem.remedy
    (problem,) = errors(folder, classes={2: "cell"})
    assert "does not declare 'matrix', which" in problem.what
    (problem,) = errors(folder, classes=BY_NAME, void=3)
    assert problem.where == "datasets.ds.void"
    assert "is 3, which is also a class (matrix" in problem.what


def test_segments_and_pixels_must_be_the_same(folder):
    write_json(folder / "s.json", {"a.png": [(5, 3), (9, 7), (258, 7), (11, 7), (12, 3)]})
    absent, unknown = errors(folder)
    assert absent.where.endswith("s.json")
    assert absent.what.endswith("a.png does not have: 11, 12")
    assert unknown.where.endswith("a.png")
    assert unknown.what.endswith("s.json does not name: 70000")
    write_json(folder / "s.json", {"b.png": SEGMENTS})
    (problem,) = errors(folder)
    assert "has no annotation with the file_name 'a.png'" in problem.what
    write_json(folder / "s.json", {"a.png": [(5, 4), *SEGMENTS[1:]]})
    (problem,) = errors(folder)
    assert problem.what == "has no category 4, which the segment 5 is of"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ('{"annotations": [{"file', "is not valid JSON"),
        ('{"images": []}', "is not COCO's panoptic format (KeyError: 'annotations')"),
        ('[{"a": 1}]', "is not COCO's panoptic format"),
        ('{"annotations": [], "categories": [{"id": 1, "name": "a"}]}', "KeyError: 'isthing'"),
        ('{"annotations": [{"file_name": "a", "segments_info": [{"id": 1}]}], "categories": []}',
         "KeyError: 'category_id'"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_the_format(folder, content, what):
    (folder / "s.json").write_text(content)
    (problem,) = errors(folder)
    assert problem.where.endswith("s.json")
    assert what in problem.what


@pytest.mark.parametrize(
    ("segments", "categories", "what"),
    [
        # the object 9 carries two classes
        ([*SEGMENTS, (9, 3)], CATEGORIES, "has a.png with two segments 9"),
        (SEGMENTS, [*CATEGORIES, {"id": 7, "name": "x", "isthing": 0}], "has two categories 7"),
        (SEGMENTS, [*CATEGORIES, {"id": 8, "name": "cell", "isthing": 1}],
         "has two categories called 'cell'"),
        (SEGMENTS, [CATEGORIES[0], {**CATEGORIES[1], "name": ""}],
         "has a category whose name is ''"),
    ],
)  # fmt: skip
def test_what_stands_twice_or_is_no_category_is_an_error(folder, segments, categories, what):
    write_json(folder / "s.json", {"a.png": segments}, categories)
    (problem,) = errors(folder)
    assert problem.where.endswith("s.json")
    assert problem.what == what


def test_an_image_that_is_not_in_colours(folder):
    tifffile.imwrite(folder / "a.png", np.zeros((2, 4), np.uint8))
    (folder / "a.png").rename(folder / "a.tif")
    files = CaseFiles("a", (), str(folder / "a.tif"), (str(folder / "s.json"),))
    with pytest.raises(SeptumError, match="has 1 channels of uint8, and COCO's segment ids"):
        read_maps(dataset(), files)


def round_trip(folder: Path, semantic: np.ndarray, instance: np.ndarray, classes: dict):
    specs = {number: ClassSpec(**spec) for number, spec in classes.items()}
    writer = CocoPanopticWriter(specs)
    prediction = Prediction("a", semantic, instance, Geometry((1.0, 1.0)))
    writer.add(folder, "a", prediction, lambda: np.zeros(semantic.shape))
    writer.finish(folder)
    paths = str(folder / "panoptic" / "a.png"), (str(folder / "panoptic.json"),)
    files = CaseFiles("a", (), *paths)
    spec = dataset()
    return annotate_maps(read_maps(spec, files)[0], spec, "ds", files)


def test_our_own_export_reads_back_as_the_same_maps(tmp_path):
    semantic = np.array([[0, 4, 4, 9], [0, 4, 9, 9], [4, 0, 9, 4]])
    instance = np.array([[0, 1, 2, 0], [0, 1, 0, 0], [3, 0, 0, 0]])
    classes = {4: {"name": "cell", "kind": "thing"}, 9: {"name": "matrix", "kind": "stuff"}}
    found = round_trip(tmp_path, semantic, instance, classes)
    # the last pixel is of a thing, and of no object: a crowd
    assert found.semantic.tolist() == [[0, 4, 4, 9], [0, 4, 9, 9], [4, 0, 9, VOID]]
    np.testing.assert_array_equal(found.instance, instance)
    assert found.counts.classes["9"]["name"] == "matrix"


@pytest.mark.parametrize("name", ["vnc/panoptic/00.tif", "empanada/panoptic/pan_seg.tif"])
def test_real_maps_survive_the_format(tmp_path, real_data, name):
    raw = tifffile.imread(real_data / name)
    names = {i: f"class {i}" for i in np.unique(raw // 1000).tolist() if i}
    things = [i for i in names if (raw[raw // 1000 == i] % 1000).any()]
    kinds = {i: {"name": n, "kind": "thing" if i in things else "stuff"} for i, n in names.items()}
    semantic = raw // 1000
    known, numbers = np.unique(np.where(raw % 1000 > 0, raw, 0), return_inverse=True)
    instance = numbers.reshape(raw.shape) + (known[0] > 0)
    found = round_trip(tmp_path, semantic, instance, kinds)
    crowd = np.isin(semantic, things) & (instance == 0)
    np.testing.assert_array_equal(found.semantic, np.where(crowd, VOID, semantic))
    np.testing.assert_array_equal(found.instance, instance)


def test_the_files_of_the_tests_are_coco_s(tmp_path):
    """The helper packs colours as panopticapi's rgb2id unpacks them."""
    import PIL.Image

    rgb = np.asarray(PIL.Image.open(write_png(tmp_path / "x.png", IDS))).astype(int)
    assert (rgb[..., 0] + 256 * rgb[..., 1] + 256 * 256 * rgb[..., 2]).tolist() == IDS
    assert {c["id"] for c in CATEGORIES} == {3, 7}


@pytest.mark.parametrize(
    "colour", [[300, 0, 0], [-1, 0, 0], [1, 2], [], [1, 2, 3, 4], [0.5, 0, 0], "#ff0010", 7]
)
def test_a_colour_is_three_numbers_up_to_255(folder, colour):
    write_json(folder / "s.json", {"a.png": SEGMENTS}, [{**CATEGORIES[0], "color": colour}])
    (problem,) = errors(folder)
    assert problem.where.endswith("s.json")
    assert problem.what == f"has a category 'cell' whose color is {colour!r}"
    assert "three whole numbers from 0 to 255" in problem.remedy
