"""The simulated datasets: seeded, labelled rightly, and hard where they are meant to be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from septum.config.demo_cases import DEMO_CASES
from septum.datasets.demo import DEMOS, write_demo
from septum.datasets.demo_images import draw_nuclei, draw_volumes
from septum.errors import SeptumError
from septum.seeds import rng


@pytest.fixture(scope="module")
def nuclei(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_demo("nuclei", folder, 7)
    return folder


def touching_share(labels: np.ndarray) -> float:
    """Share of objects with a pixel beside another object's."""
    grown = ndimage.grey_dilation(
        labels, footprint=ndimage.generate_binary_structure(labels.ndim, 1)
    )
    meets = (labels > 0) & (grown != labels) & (grown > 0)
    return len(np.unique(np.concatenate([labels[meets], grown[meets]]))) / labels.max()


def test_names_are_read_without_numpy():
    code = "import sys, septum.config.demo_cases; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_table_and_names_agree():
    assert set(DEMOS) == set(DEMO_CASES) == {"nuclei", "tissue", "volumes"}
    nuclei = DEMO_CASES["nuclei"]
    assert len(nuclei.cases) == 26
    assert nuclei.unlabelled == ("new_01", "new_02")
    for cases in DEMO_CASES.values():
        assert set(cases.unlabelled) < set(cases.cases)
        assert list(cases.cases) == sorted(set(cases.cases))


def test_writes_images_of_all_and_labels_of_the_labelled(nuclei):
    images = sorted(p.name for p in (nuclei / "images").iterdir())
    labels = sorted(p.name for p in (nuclei / "labels").iterdir())
    assert images == [f"field_{i:02d}.png" for i in range(1, 25)] + ["new_01.png", "new_02.png"]
    assert labels == [f"field_{i:02d}.tif" for i in range(1, 25)]


def test_nuclei_are_8_bit_and_16_bit_with_consecutive_ids(nuclei):
    for path in (nuclei / "labels").iterdir():
        labels = tifffile.imread(path)
        image = np.asarray(Image.open(nuclei / "images" / f"{path.stem}.png"))
        assert image.dtype == np.uint8
        assert labels.dtype == np.uint16
        assert image.shape == labels.shape
        assert all(160 <= n <= 192 for n in image.shape)
        assert np.unique(labels).tolist() == list(range(labels.max() + 1))
        assert np.mean(image == 255) < 0.02, "saturated"


def test_nuclei_crowd_and_are_hard_to_tell_apart(nuclei):
    shares, merged = [], []
    for path in sorted((nuclei / "labels").iterdir()):
        labels = tifffile.imread(path)
        shares.append(touching_share(labels))
        merged.append(ndimage.label(labels > 0)[1] / labels.max())
    assert np.mean(shares) > 0.6
    # connected foreground has less than half as many pieces as there are nuclei
    assert np.mean(merged) < 0.5


def test_nuclei_are_brighter_than_background_by_less_than_they_differ(nuclei):
    """So that no single threshold finds them all: the dimmest nucleus against the brightest."""
    for path in sorted((nuclei / "labels").iterdir())[:6]:
        labels = tifffile.imread(path)
        image = np.asarray(Image.open(nuclei / "images" / f"{path.stem}.png")).astype(float)
        means = ndimage.mean(image, labels, range(1, labels.max() + 1))
        ground = image[labels == 0].mean()
        assert means.mean() > ground + image[labels == 0].std()
        assert means.max() - ground > 2 * (np.percentile(means, 10) - ground)


def test_equal_seeds_give_equal_files_and_others_do_not(tmp_path, nuclei):
    write_demo("nuclei", tmp_path, 7)
    for path in sorted(nuclei.rglob("*.*")):
        assert (tmp_path / path.relative_to(nuclei)).read_bytes() == path.read_bytes()
    images = [draw_nuclei(rng("demo", seed, "nuclei", "field_03"))[0] for seed in (7, 8)]
    written = np.asarray(Image.open(tmp_path / "images/field_03.png"))
    np.testing.assert_array_equal(images[0], written)
    assert not np.array_equal(images[1], written)


def test_volumes_are_anisotropic_nifti(tmp_path):
    demo = DEMOS["volumes"]
    image, labels = draw_volumes(np.random.default_rng(1))
    demo.write_image(tmp_path / "a.nii.gz", image)
    read = nib.load(tmp_path / "a.nii.gz")
    assert image.shape == labels.shape == (24, 64, 64)
    assert read.shape == (64, 64, 24)
    assert read.header.get_zooms() == pytest.approx((0.5, 0.5, 1.5))
    assert read.header.get_xyzt_units()[0] == "micron"
    np.testing.assert_array_equal(np.asarray(read.dataobj), image.transpose(2, 1, 0))
    assert np.unique(labels).tolist() == list(range(labels.max() + 1))
    assert labels.max() >= 20
    assert touching_share(labels) > 0.6


def test_nifti_bytes_do_not_hold_the_time(tmp_path, monkeypatch):
    volume = np.zeros((2, 3, 4), np.int16)
    DEMOS["volumes"].write_image(tmp_path / "a.nii.gz", volume)
    monkeypatch.setattr("time.time", lambda: 1e9)
    DEMOS["volumes"].write_image(tmp_path / "b.nii.gz", volume)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_an_unknown_dataset_names_the_known_ones(tmp_path):
    with pytest.raises(SeptumError, match="nuclei, tissue, volumes"):
        write_demo("stars", tmp_path)
