"""From files to cases: what belongs together, and every way in which it may not."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import tifffile
from PIL import Image

from septum.config.dataset import Dataset
from septum.data import store
from septum.data.case_files import CaseFiles
from septum.data.intensity import statistics
from septum.data.store_attributes import LabelCounts
from septum.errors import SeptumError
from septum.stages.prepare.stage import load_case, prepare_batch

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 255, (20, 30), dtype=np.uint8)
OBJECTS = np.zeros((20, 30), np.uint16)
OBJECTS[2:6, 3:9], OBJECTS[10:15, 4:8], OBJECTS[10:15, 8:12] = 5, 17, 900


def dataset(**options: object) -> Dataset:
    return Dataset(**{"images": "i/{case}.png", "labels": "l/{case}.tif", **options})


@pytest.fixture
def files(tmp_path) -> CaseFiles:
    Image.fromarray(GRAY).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a_labels.tif", OBJECTS)
    return CaseFiles("a", (str(tmp_path / "a.png"),), str(tmp_path / "a_labels.tif"))


def problems_of(files: CaseFiles, **options: object) -> list:
    with pytest.raises(SeptumError) as caught:
        load_case(dataset(**options), "ds", files)
    return list(caught.value.problems)


def test_a_case(files):
    case = load_case(dataset(), "ds", files)
    assert case.name == "a"
    np.testing.assert_array_equal(case.image, GRAY[np.newaxis])
    np.testing.assert_array_equal(case.semantic, OBJECTS > 0)
    assert case.instance[3, 4] == 1
    assert case.instance[12, [5, 9]].tolist() == [2, 3]
    assert case.label_counts == LabelCounts(objects=3, renumbered=True)
    assert case.statistics == statistics(case.image)
    assert case.geometry.source["path"] == files.images[0]


def test_an_image_without_labels(files):
    case = load_case(dataset(), "ds", CaseFiles("a", files.images))
    assert (case.semantic, case.instance) == (None, None)


def test_channels_from_several_files(files, tmp_path):
    tifffile.imwrite(tmp_path / "b.tif", GRAY.astype(np.uint16) * 100)
    both = CaseFiles("a", (*files.images, str(tmp_path / "b.tif")), files.labels)
    case = load_case(dataset(), "ds", both)
    assert (case.image.shape, case.image.dtype) == ((2, 20, 30), np.uint16)
    np.testing.assert_array_equal(case.image[1], GRAY.astype(np.uint16) * 100)
    tifffile.imwrite(tmp_path / "b.tif", GRAY[:10])
    (problem,) = problems_of(CaseFiles("a", both.images))
    assert problem.where.endswith("b.tif")
    assert "has shape (10, 30)" in problem.what


def test_configured_spacing_wins(files):
    case = load_case(dataset(spacing=[0.5, 0.25]), "ds", files)
    assert (case.geometry.spacing, case.geometry.unit) == ((0.5, 0.25), "micrometer")
    (problem,) = problems_of(files, spacing=[2.0, 0.5, 0.25])
    assert problem.where == "datasets.ds.spacing"
    assert "has 3 numbers" in problem.what


def save_nifti(path: Path, array: np.ndarray, affine: np.ndarray) -> str:
    nib.save(nib.Nifti1Image(array, affine), path)
    return str(path)


@pytest.mark.parametrize(
    ("affine", "message"),
    [
        (np.diag([1.0, 1.0, 2.0, 1.0]), None),
        (np.diag([1.0, 1.0, 2.001, 1.0]), None),
        (np.diag([-1.0, -1.0, 2.0, 1.0]), "away from its image"),
        (np.diag([1.0, 1.0, 3.0, 1.0]), "has spacing (3, 1, 1) millimeter, but its image"),
        (np.array([[1, 0, 0, 30.0], [0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]]), "lies up to 30 "),
    ],
)
def test_volumes_must_lie_on_one_grid(tmp_path, affine, message):
    volume = RNG.integers(0, 99, (6, 7, 8)).astype(np.int16)
    image = save_nifti(tmp_path / "image.nii.gz", volume, np.diag([1.0, 1.0, 2.0, 1.0]))
    labels = save_nifti(tmp_path / "labels.nii.gz", (volume > 50).astype(np.uint8), affine)
    files = CaseFiles("v", (image,), labels)
    if message is None:
        case = load_case(dataset(), "ds", files)
        assert case.geometry.spacing == (2.0, 1.0, 1.0)
    else:
        (problem,) = problems_of(files)
        assert problem.where == labels
        assert message in problem.what


def test_the_same_grid_stored_the_other_way_round(tmp_path):
    volume = RNG.integers(0, 99, (6, 7, 8)).astype(np.int16)
    image = save_nifti(tmp_path / "image.nii.gz", volume, np.eye(4))
    flip = np.diag([-1.0, 1.0, 1.0, 1.0])
    flip[0, 3] = 5
    labels = save_nifti(tmp_path / "labels.nii.gz", (volume[::-1] > 50).astype(np.uint8), flip)
    case = load_case(dataset(), "ds", CaseFiles("v", (image,), labels))
    np.testing.assert_array_equal(case.instance, case.image[0] > 50)


def bad_image(name: str, folder: Path) -> Path:
    """Write an image that must be refused."""
    pixels = GRAY.astype(np.float32)
    pixels[3, 4] = np.nan
    arrays = {"nan.tif": pixels, "constant.tif": np.full_like(GRAY, 7)}
    tifffile.imwrite(folder / name, arrays[name])
    return folder / name


def test_pages_taken_for_channels_are_explained(tmp_path):
    stack = RNG.integers(0, 99, (5, 20, 30), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "i.tif", stack, photometric="minisblack")
    tifffile.imwrite(tmp_path / "l.tif", stack % 3, photometric="minisblack")
    files = CaseFiles("s", (str(tmp_path / "i.tif"),), str(tmp_path / "l.tif"))
    (problem,) = problems_of(files)
    assert "set reader: tiff_stack" in problem.remedy
    case = load_case(dataset(reader="tiff_stack", annotation="semantic"), "ds", files)
    assert case.image.shape == (1, 5, 20, 30)


def test_float_labels_of_whole_numbers(files, tmp_path):
    tifffile.imwrite(tmp_path / "f.tif", OBJECTS.astype(np.float32))
    case = load_case(dataset(), "ds", CaseFiles("a", files.images, str(tmp_path / "f.tif")))
    np.testing.assert_array_equal(case.semantic, OBJECTS > 0)


def test_all_problems_of_a_case_are_told(files, tmp_path):
    image, labels = bad_image("nan.tif", tmp_path), tmp_path / "negative.tif"
    tifffile.imwrite(labels, OBJECTS.astype(np.int16) - 1)
    found = problems_of(CaseFiles("a", (str(image),), str(labels)))
    assert [p.where for p in found] == [str(image), str(labels)]


def test_a_batch(files, tmp_path):
    out = tmp_path / "cases" / "1of1"
    odd = CaseFiles("Zellen <b>", files.images, files.labels)
    for _ in range(2):  # the second time in place of the first
        prepare_batch(dataset=dataset(), dataset_name="ds", cases=[files, odd], out=out)
        found = store.case_paths([out])
        assert sorted(found) == ["Zellen <b>", "a"]
    assert os.listdir(tmp_path / "cases") == ["1of1"]
    case = store.read_case(found["Zellen <b>"])
    np.testing.assert_array_equal(case.image[0], GRAY)


def test_a_bad_batch_leaves_nothing_and_tells_all(files, tmp_path):
    cases = [files]
    for name in ("nan.tif", "constant.tif"):
        cases.append(CaseFiles(name, (str(bad_image(name, tmp_path)),)))
    out = tmp_path / "cases" / "1of1"
    with pytest.raises(SeptumError) as caught:
        prepare_batch(dataset=dataset(), dataset_name="ds", cases=cases, out=out)
    assert len(caught.value.problems) == 2
    assert os.listdir(tmp_path / "cases") == []


def test_a_folder_of_other_files_is_not_replaced(files, tmp_path):
    with pytest.raises(SeptumError, match="holds other files than cases"):
        prepare_batch(dataset=dataset(), dataset_name="ds", cases=[files], out=tmp_path)
    assert (tmp_path / "a.png").exists()


def test_the_same_batch_gives_the_same_bytes(files, tmp_path):
    trees = []
    for name in ("one", "two"):
        prepare_batch(dataset=dataset(), dataset_name="ds", cases=[files], out=tmp_path / name)
        paths = [p for p in sorted((tmp_path / name).rglob("*")) if p.is_file()]
        trees.append({str(p.relative_to(tmp_path / name)): p.read_bytes() for p in paths})
    assert trees[0] == trees[1]


REAL = {
    "fluo": ("dsb2018/fluo/images/*.png", "dsb2018/fluo/labels", ".tif", {}),
    "rgb": ("dsb2018/rgb/images/*.png", "dsb2018/rgb/labels", ".tif", {}),
    "hippocampus": (
        "hippocampus/imagesTr/*.nii.gz",
        "hippocampus/labelsTr",
        ".nii.gz",
        {"annotation": "semantic", "classes": {1: "anterior", 2: "posterior"}},
    ),
    "imc": ("imc/images/*.tif", "imc/labels", ".tif", {}),
    "dichela": ("dichela/images/*.png", "dichela/labels", ".tif", {}),
    "isbi2012": (
        "isbi2012/images/*.png",
        "isbi2012/semantic",
        None,
        {"annotation": "semantic", "classes": {1: "cell"}},
    ),
    "axonsem": (
        "axonsem/images/*.png",
        "axonsem/semantic",
        ".png",
        {"annotation": "semantic", "classes": {1: "myelin", 2: "axon"}},
    ),
    "vnc": (
        "vnc/images/*.png",
        "vnc/panoptic",
        ".tif",
        {
            "annotation": "panoptic",
            "classes": {
                1: {"name": "glia", "kind": "stuff"},
                2: "mitochondrion",
                3: "synapse",
                4: "profile",
            },
        },
    ),
}


@pytest.mark.parametrize("name", REAL)
def test_real_data(real_data, name):
    pattern, folder, suffix, options = REAL[name]
    for path in sorted(real_data.glob(pattern))[:3]:
        stem = path.name.removesuffix(
            "".join(path.suffixes[-2:]) if "nii" in path.name else path.suffix
        )
        (labels,) = (real_data / folder).glob(f"{stem}{suffix or '.*'}")
        case = load_case(dataset(**options), "ds", CaseFiles(stem, (str(path),), str(labels)))
        assert case.image.shape[1:] == case.semantic.shape
        assert case.semantic.any()
        if case.instance is not None:
            assert case.instance.max() == case.label_counts.objects
            assert len(np.unique(case.instance)) - 1 == case.label_counts.objects


def test_vnc_objects(real_data):
    raw = tifffile.imread(real_data / "vnc" / "panoptic" / "00.tif")
    files = CaseFiles(
        "00",
        (str(real_data / "vnc" / "images" / "00.png"),),
        str(real_data / "vnc" / "panoptic" / "00.tif"),
    )
    case = load_case(dataset(**REAL["vnc"][3]), "ds", files)
    np.testing.assert_array_equal(case.semantic, raw // 1000)
    ids = np.unique(raw[(raw % 1000 > 0) & (raw // 1000 > 1)])
    assert case.label_counts.objects == len(ids)
    assert case.label_counts.unnumbered == (raw == 4000).sum()
    np.testing.assert_array_equal(case.instance > 0, (raw % 1000 > 0) & (raw // 1000 > 1))


def test_totalseg_ids(real_data):
    folder = real_data / "totalseg"
    files = CaseFiles(
        "ct", (str(folder / "example_ct_sm.nii.gz"),), str(folder / "example_seg.nii.gz")
    )
    case = load_case(dataset(annotation="semantic"), "ds", files)
    raw = np.asarray(nib.load(files.labels).dataobj)
    np.testing.assert_array_equal(case.semantic, raw.transpose(2, 1, 0))
    assert len(np.unique(case.semantic)) == 42
