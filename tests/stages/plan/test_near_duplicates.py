"""Images that occur twice: septum.stages.plan.near_duplicates."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from septum.data.readers.choose import read_image
from septum.data.store import Case, Geometry
from septum.data.store_attributes import IntensityStatistics
from septum.stages.plan.near_duplicates import Pair, describe, find_duplicates, sign, straddling

NOTHING = IntensityStatistics({}, [], [])


def blobs(seed: int, size=(160, 160)) -> np.ndarray:
    """Return a dark field with thirty bright spots, as uint8."""
    rng = np.random.default_rng(seed)
    field = np.zeros(size)
    field[tuple(rng.integers(0, n, 30) for n in size)] = 1
    field = gaussian_filter(field, 4)
    return (5 + 200 * field / field.max() + rng.normal(0, 1, size)).clip(0, 255).astype(np.uint8)


def signature(name: str, image: np.ndarray, *, channels: bool = False):
    image = image if channels else image[None]
    return sign(Case(name, image, None, None, Geometry((1.0,) * (image.ndim - 1)), NOTHING))


def jpeg(image: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=50)
    return np.asarray(Image.open(file))


def test_exact_copies_are_exact_and_nothing_else_is_found():
    images = [signature(f"c{i}", blobs(i)) for i in range(20)]
    copy = signature("a copy", blobs(7))
    assert find_duplicates([*images, copy]) == [Pair("a copy", "c7", exact=True)]


def test_three_equal_images_are_three_pairs():
    found = find_duplicates([signature(name, blobs(1)) for name in "cab"])
    assert [(p.first, p.second) for p in found] == [("a", "b"), ("a", "c"), ("b", "c")]


@pytest.mark.parametrize(
    "change",
    [
        jpeg,
        lambda x: x[::2, ::2],
        lambda x: x.astype(np.uint16) * 40 + 100,
        lambda x: (255 * (x / 255) ** 0.7).astype(np.uint8),
        lambda x: x[1:, 1:],
        np.rot90,
        np.fliplr,
        np.flipud,
        lambda x: np.rot90(x, 2),
        np.transpose,
        lambda x: np.rot90(np.transpose(x), 2),
        lambda x: np.rot90(x, 3),
        lambda x: x.astype(np.float32) / 7,
    ],
)
def test_changed_copies_are_near_duplicates(change):
    images = [signature(f"c{i}", blobs(i)) for i in range(10)]
    changed = signature("changed", np.ascontiguousarray(change(blobs(3))))
    assert find_duplicates([*images, changed]) == [Pair("c3", "changed", exact=False)]


def test_colour_images_and_volumes():
    rgb = [np.stack([blobs(3 * i + c) for c in range(3)]) for i in range(4)]
    volumes = [np.stack([blobs(100 * i + z, (48, 48)) for z in range(9)]) for i in range(4)]
    colour = [signature(f"c{i}", image, channels=True) for i, image in enumerate(rgb)]
    brighter = signature("d", (rgb[2] * 0.8).astype(np.uint8), channels=True)
    assert find_duplicates([*colour, brighter]) == [Pair("c2", "d", exact=False)]
    solid = [signature(f"v{i}", volume) for i, volume in enumerate(volumes)]
    mirrored = signature("w", volumes[1][:, :, ::-1])
    assert find_duplicates([*solid, mirrored]) == [Pair("v1", "w", exact=False)]


def test_blank_images_are_copies_only_if_equal():
    """Without any contrast there is nothing to correlate."""
    blank = [signature(str(value), np.full((64, 64), value, np.uint8)) for value in (0, 0, 9)]
    assert find_duplicates(blank) == [Pair("0", "0", exact=True)]


def test_nothing_to_compare():
    assert find_duplicates([]) == []
    assert find_duplicates([signature("a", blobs(0))]) == []


def test_straddling_pairs_and_their_problems():
    pairs = [Pair("a", "b", True), Pair("a", "c", False), Pair("b", "d", False)]
    parts = {"a": "test", "b": "fold 1", "c": "test", "d": "fold 1"}
    leaks = straddling(pairs, parts)
    assert leaks == [Pair("a", "b", True)]
    (problem,) = describe(leaks, parts, "datasets.x.split.duplicates", from_file=False)
    assert problem.what == "'a' (test) and 'b' (fold 1) are the same image"
    assert "`group`" in problem.remedy
    (problem,) = describe(leaks, parts, "datasets.x.split.duplicates", from_file=True)
    assert "split file" in problem.remedy
    assert "`group`" not in problem.remedy


def test_many_pairs_are_summed_up():
    pairs = [Pair(str(i), str(j), True) for i, j in pairwise(range(31))]
    problems = list(describe(pairs, {str(i): str(i) for i in range(31)}, "x", from_file=False))
    assert len(problems) == 11
    assert problems[-1].what == "20 more pairs are alike"


def real(files) -> list:
    paths = sorted(files)
    return [
        sign(Case(p.stem, read_image(p)[0], None, None, Geometry((1,)), NOTHING)) for p in paths
    ]


def test_real_nuclei(real_data):
    """Of 120,295 pairs of DSB2018 one is alike: two slices of one embryo, in one group."""
    found = find_duplicates(real((real_data / "dsb2018/fluo/images").glob("*.png")))
    assert [(p.first[:8], p.second[:8], p.exact) for p in found] == [
        ("20b20ab0", "cb4df20a", False)
    ]


@pytest.mark.parametrize(
    ("pattern", "count"),
    [("isbi2012/images/*.png", 25), ("dichela/images/*.png", 28), ("vnc/images/*", 8)],
)
def test_neighbouring_slices_and_frames_are_no_duplicates(real_data, pattern, count):
    images = real(real_data.glob(pattern))
    assert len(images) == count
    assert find_duplicates(images) == []
