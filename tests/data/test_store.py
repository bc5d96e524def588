"""The canonical case on disk: what is written is what is read, whole, and always the same."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from septum.data import store
from septum.data.store import Case, Geometry
from septum.data.store_attributes import IntensityStatistics, LabelCounts, PredictionAttributes
from septum.errors import SeptumError
from septum.io.atomic import TEMPORARY_PREFIX
from septum.io.zarr_arrays import write_array

STATISTICS = IntensityStatistics({"0": [0.0], "100": [9.0]}, mean=[1.5], std=[0.5])
DTYPES = ["uint8", "int16", "uint16", "int32", "uint32", "float16", "float32", ">u2", ">f4"]


def make_case(image: np.ndarray, name: str = "cell 1", **options: object) -> Case:
    labels = np.arange(image[0].size, dtype=np.uint32).reshape(image.shape[1:])
    geometry = Geometry(
        spacing=(2.0, 0.5, 0.25)[-labels.ndim :],
        unit="micrometer",
        affine=np.diag([0.25, 0.5, 2.0, 1.0]).tolist(),
        source={"reader": "tiff", "path": "images/cell 1.tif"},
    )
    values = {
        "semantic": (labels > 3).astype(np.uint16),
        "instance": labels,
        "geometry": geometry,
        "statistics": STATISTICS,
        **options,
    }
    return Case(name=name, image=image, **values)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    image=st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(
            dtype,
            hnp.array_shapes(min_dims=3, max_dims=4, min_side=1, max_side=9),
            elements={"allow_nan": False} if "f" in dtype else None,
        )
    ),
    name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
)
def test_what_is_written_is_what_is_read(tmp_path, image, name):
    case = make_case(image, name=name)
    store.write_case(tmp_path / "case.zarr", case)
    read = store.read_case(tmp_path / "case.zarr")
    assert (read.name, read.parent, read.statistics) == (name, None, STATISTICS)
    assert read.geometry == case.geometry
    assert read.image.dtype == np.dtype(image.dtype).newbyteorder("=")
    np.testing.assert_array_equal(read.image, image)
    np.testing.assert_array_equal(read.semantic, case.semantic)
    np.testing.assert_array_equal(read.instance, case.instance)
    assert (read.semantic.dtype, read.instance.dtype) == (np.uint16, np.uint32)


def test_parts_that_are_absent_stay_absent(tmp_path):
    image = np.ones((2, 4, 5), np.uint8)
    new = make_case(image, semantic=None, instance=None, parent="cell 0")
    store.write_case(tmp_path / "new.zarr", new)
    read = store.open_case(tmp_path / "new.zarr")
    assert (read.semantic, read.instance, read.parent) == (None, None, "cell 0")
    store.write_case(tmp_path / "semantic.zarr", make_case(image, instance=None))
    read = store.open_case(tmp_path / "semantic.zarr")
    assert read.instance is None
    assert isinstance(read.semantic, zarr.Array)
    assert read.semantic[1:3, 2].tolist() == [1, 1]


def test_equal_cases_give_equal_bytes(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (3, 300, 700), dtype=np.uint8)
    for copy in "ab":
        store.write_case(tmp_path / f"{copy}.zarr", make_case(image))
    first, second = tree(tmp_path / "a.zarr"), tree(tmp_path / "b.zarr")
    assert first == second
    assert len(first) == 10, sorted(first)


def test_a_large_array_is_one_file_read_chunk_by_chunk(tmp_path):
    image = np.random.default_rng(0).integers(0, 2**16, (1, 40, 200, 300), dtype=np.uint16)
    store.write_case(tmp_path / "case.zarr", make_case(image, semantic=None, instance=None))
    files = [p for p in (tmp_path / "case.zarr" / "0").rglob("*") if p.is_file()]
    assert len(files) == 2
    lazy = store.open_case(tmp_path / "case.zarr").image
    assert lazy.chunks == (1, 40, 64, 64)
    np.testing.assert_array_equal(lazy[0, 3:9, 60:70, 290:300], image[0, 3:9, 60:70, 290:300])


def test_metadata_is_ome_zarr_0_5(tmp_path):
    image = np.ones((2, 3, 4, 5), np.uint8)
    store.write_case(tmp_path / "c.zarr", make_case(image))
    root = json.loads((tmp_path / "c.zarr" / "zarr.json").read_text())
    assert (root["zarr_format"], root["node_type"]) == (3, "group")
    assert root["attributes"]["ome"] == {
        "version": "0.5",
        "multiscales": [
            {
                "name": "cell 1",
                "axes": [
                    {"name": "c", "type": "channel"},
                    {"name": "z", "type": "space", "unit": "micrometer"},
                    {"name": "y", "type": "space", "unit": "micrometer"},
                    {"name": "x", "type": "space", "unit": "micrometer"},
                ],
                "datasets": [
                    {
                        "path": "0",
                        "coordinateTransformations": [
                            {"type": "scale", "scale": [1.0, 2.0, 0.5, 0.25]}
                        ],
                    }
                ],
            }
        ],
    }
    group = zarr.open_group(tmp_path / "c.zarr", mode="r")
    assert group["labels"].attrs["ome"] == {"version": "0.5", "labels": ["semantic", "instance"]}
    label = group["labels/instance"].attrs["ome"]
    assert label["image-label"] == {"source": {"image": "../.."}}
    assert [axis["name"] for axis in label["multiscales"][0]["axes"]] == ["z", "y", "x"]
    assert group["0"].metadata.dimension_names == ("c", "z", "y", "x")


def test_labels_must_fit(tmp_path):
    image = np.ones((1, 4, 5), np.uint8)
    with pytest.raises(ValueError, match="shape"):
        store.write_case(tmp_path / "c.zarr", make_case(image, instance=np.zeros((5, 4), int)))
    with pytest.raises(ValueError, match="fit"):
        store.write_case(tmp_path / "c.zarr", make_case(image, semantic=np.full((4, 5), 2**16)))
    with pytest.raises(ValueError, match="fit"):
        store.write_case(tmp_path / "c.zarr", make_case(image, instance=np.full((4, 5), -1)))
    assert os.listdir(tmp_path) == []


def test_prediction_round_trip(tmp_path):
    case = make_case(np.ones((1, 6, 7), np.uint8))
    for instance, scores in ((case.instance, [0.5, 1.0]), (None, None)):
        store.write_prediction(
            tmp_path / "p.zarr",
            semantic=case.semantic,
            instance=instance,
            geometry=case.geometry,
            name="cell 1",
            scores=scores,
            attributes=PredictionAttributes(fold="0"),
        )
        read = store.read_prediction(tmp_path / "p.zarr")
        assert (read.name, read.scores) == ("cell 1", scores)
        assert read.attributes == PredictionAttributes(fold="0")
        assert read.geometry == case.geometry
        np.testing.assert_array_equal(read.semantic, case.semantic)
        np.testing.assert_equal(read.instance, instance)


def test_one_kind_is_not_taken_for_another(tmp_path):
    store.write_case(tmp_path / "c.zarr", make_case(np.ones((1, 6, 7), np.uint8)))
    with pytest.raises(SeptumError, match="holds a case, where a prediction is wanted"):
        store.open_prediction(tmp_path / "c.zarr")


def test_cases_are_found_by_the_users_name(tmp_path):
    image = np.ones((1, 3, 3), np.uint8)
    names = ["plain", "Zellen <b>", "日本 1"]
    for i, name in enumerate(names):
        folder = tmp_path / f"batch{i % 2}"
        store.write_case(store.case_path(folder, name), make_case(image, name=name))
    (tmp_path / "batch0" / f"{TEMPORARY_PREFIX}12345678-12345678-99999999-0.zarr").mkdir()
    (tmp_path / "batch0" / "notes.txt").write_text("mine")
    found = store.case_paths([tmp_path / "batch0", tmp_path / "batch1"])
    assert sorted(found) == sorted(names)
    assert found["plain"] == tmp_path / "batch0" / "plain.zarr"
    assert all(path.name.isascii() and "<" not in path.name for path in found.values())


def test_a_weight_map_is_found_by_the_name_of_its_case(tmp_path):
    write_array(tmp_path / "w.zarr", "weights", np.ones((3, 4)), attributes={"name": "cell 1"})
    assert store.case_paths([tmp_path]) == {"cell 1": tmp_path / "w.zarr"}


def test_no_two_cases_share_a_folder_on_any_disk():
    names = ["a", "A", "slide", "Slide", "SLIDE", "ä", "Ä", "<b>", "<B>", "b", "x" * 251]
    paths = [store.case_path("cases", name).name.lower() for name in names]
    assert len(set(paths)) == len(names)
    assert max(map(len, paths)) < 128
    assert store.case_path("cases", "slide_07").name == "slide_07.zarr"


def test_a_name_that_occurs_twice_is_an_error(tmp_path):
    image = np.ones((1, 3, 3), np.uint8)
    for folder in ("a", "b"):
        store.write_case(tmp_path / folder / "x.zarr", make_case(image, name="same"))
    with pytest.raises(SeptumError, match=r"'same'.*a/x\.zarr"):
        store.case_paths([tmp_path / "a", tmp_path / "b"])
    with pytest.raises(SeptumError, match="gone"):
        store.case_paths([tmp_path / "gone"])


@pytest.mark.parametrize(
    "part", ["zarr.json", "0/zarr.json", "0/c/0/0/0", "labels/instance/0/c/0/0"]
)
@pytest.mark.parametrize("harm", ["cut", "flip"])
def test_damage_is_found(tmp_path, part, harm):
    image = np.random.default_rng(0).integers(0, 255, (1, 64, 64), dtype=np.uint8)
    store.write_case(tmp_path / "c.zarr", make_case(image))
    file = tmp_path / "c.zarr" / part
    content = file.read_bytes()
    middle = len(content) // 2
    harmed = content[:middle] + (b"" if harm == "cut" else b"\xff\x00\xff" + content[middle + 3 :])
    file.write_bytes(harmed)
    with pytest.raises(SeptumError, match=r"c\.zarr"):
        store.read_case(tmp_path / "c.zarr")


def change(path, *keys, value=None):
    """Change one value among the attributes of a store, or leave it out."""
    file = path / "zarr.json"
    document = json.loads(file.read_text())
    place = document["attributes"]["septum"]
    for key in keys[:-1]:
        place = place[key]
    if value is None:
        del place[keys[-1]]
    else:
        place[keys[-1]] = value
    file.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("keys", "value", "reason"),
    [
        (["name"], None, "it lacks 'name'"),
        (["labels"], None, "it lacks 'labels'"),
        (["labels"], 3, "'int' object is not iterable"),
        (["geometry"], None, "it lacks 'geometry'"),
        (["geometry", "spacing"], None, "it lacks 'spacing'"),
        (["geometry", "spacing"], 1.0, "'float' object is not iterable"),
        (["geometry", "colour"], "red", "unexpected keyword argument 'colour'"),
        (["statistics"], "many", "dictionary update sequence"),
        (["statistics", "mean"], None, "it lacks 'mean'"),
        (["statistics", "labels"], 3, "'int' object is not iterable"),
    ],
)
def test_attributes_of_a_case_that_are_damaged(tmp_path, keys, value, reason):
    store.write_case(tmp_path / "c.zarr", make_case(np.ones((1, 6, 7), np.uint8)))
    change(tmp_path / "c.zarr", *keys, value=value)
    with pytest.raises(SeptumError) as caught:
        store.open_case(tmp_path / "c.zarr")
    (problem,) = caught.value.problems
    assert problem.where == str(tmp_path / "c.zarr")
    assert problem.what.startswith("is damaged (")
    assert reason in problem.what
    assert problem.remedy == "delete it, and run the workflow again"


@pytest.mark.parametrize(
    ("keys", "value", "reason"),
    [
        (["labels"], [], "it lacks 'semantic'"),
        (["scores"], None, "it lacks 'scores'"),
        (["attributes"], 3, "'int' object is not iterable"),
        (["attributes", "classes"], ["cell"], "'list' object has no attribute 'items'"),
        (["attributes", "classes"], {"cell": 1}, "invalid literal for int"),
    ],
)
def test_attributes_of_a_prediction_that_are_damaged(tmp_path, keys, value, reason):
    case, path = make_case(np.ones((1, 6, 7), np.uint8)), tmp_path / "p.zarr"
    maps = {"semantic": case.semantic, "instance": case.instance}
    store.write_prediction(path, **maps, geometry=case.geometry, name="cell 1", scores=[0.5])
    change(path, *keys, value=value)
    with pytest.raises(SeptumError, match=r"p\.zarr: is damaged \(") as caught:
        store.open_prediction(path)
    assert reason in str(caught.value)


def test_a_case_without_a_name_is_not_found(tmp_path):
    store.write_case(tmp_path / "c.zarr", make_case(np.ones((1, 6, 7), np.uint8)))
    change(tmp_path / "c.zarr", "name", value=["a"])
    with pytest.raises(SeptumError, match="does not say of which case it is"):
        store.case_paths([tmp_path])


def test_missing_case(tmp_path):
    with pytest.raises(SeptumError, match=r"nowhere\.zarr: is not there"):
        store.open_case(tmp_path / "nowhere.zarr")


def write_for_ever(folder: str, started: multiprocessing.Event) -> None:
    image = np.random.default_rng(0).integers(0, 255, (3, 400, 400), dtype=np.uint8)
    count = 0
    while True:
        case = make_case(image, label_counts=LabelCounts(objects=count))
        store.write_case(Path(folder) / "c.zarr", case)
        count += 1
        if count > 1:
            started.set()


def test_a_killed_writer_leaves_nothing_half_written(tmp_path):
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    writer = context.Process(target=write_for_ever, args=(str(tmp_path), started))
    writer.start()
    assert started.wait(60)
    whole = 0
    for delay in (0.0, 0.013, 0.029):
        time.sleep(delay)
        os.kill(writer.pid, signal.SIGSTOP)
        # The state any kill at this moment would leave: nothing, or a whole case.
        path = tmp_path / "c.zarr"
        if path.exists():
            case = store.read_case(tmp_path / "c.zarr")
            np.testing.assert_array_equal(case.instance.max(), 400 * 400 - 1)
            whole += 1
        assert store.case_paths([tmp_path]) == ({"cell 1": path} if path.exists() else {})
        os.kill(writer.pid, signal.SIGCONT)
    # stop it in the midst of writing, leaving a temporary folder behind
    for _ in range(1000):
        os.kill(writer.pid, signal.SIGSTOP)
        if any(name.startswith(TEMPORARY_PREFIX) for name in os.listdir(tmp_path)):
            break
        os.kill(writer.pid, signal.SIGCONT)
    writer.kill()
    writer.join()
    assert whole
    leftovers = [name for name in os.listdir(tmp_path) if name.startswith(TEMPORARY_PREFIX)]
    assert leftovers
    assert store.case_paths([tmp_path]) == ({"cell 1": path} if path.exists() else {})
    store.write_case(tmp_path / "c.zarr", make_case(np.ones((1, 3, 3), np.uint8)))
    assert os.listdir(tmp_path) == ["c.zarr"]


def test_geometry_of_another_dimension_is_a_mistake(tmp_path):
    case = make_case(np.ones((1, 6, 7), np.uint8))
    case.geometry = replace(case.geometry, spacing=(1.0,))
    with pytest.raises(ValueError, match="1 spacings for 2 axes"):
        store.write_case(tmp_path / "c.zarr", case)
