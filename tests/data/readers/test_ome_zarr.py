"""OME-Zarr: both versions, axes, scales, and which label image is meant."""

from __future__ import annotations

import numpy as np
import pytest
import zarr

from septum.data.readers.choose import read_image, read_labels
from septum.data.store import Case, Geometry, write_case
from septum.data.store_attributes import IntensityStatistics
from septum.errors import SeptumError

RNG = np.random.default_rng(0)
UNITS = {"z": "micrometer", "y": "nanometer", "x": "nanometer"}


def write(group, version, arrays, axes="tczyx", units=UNITS, steps=None, **extra):
    """Write a multiscale image by the specification."""
    datasets = []
    for level, array in enumerate(arrays):
        group.create_array(str(level), data=array)
        scale = [{"z": 2.0, "y": 250.0, "x": 250.0}.get(a, 1.0) * 2**level for a in axes]
        transform = steps or [{"type": "scale", "scale": scale}]
        datasets.append({"path": str(level), "coordinateTransformations": transform})
    kinds = {"t": "time", "c": "channel"}
    described = [
        {"name": a, "type": kinds.get(a, "space"), **({"unit": units[a]} if a in units else {})}
        for a in axes
    ]
    metadata = {"multiscales": [{"axes": described, "datasets": datasets}], **extra}
    group.attrs.update(metadata if version == "0.4" else {"ome": {"version": "0.5", **metadata}})


def new_group(path, version):
    return zarr.create_group(path, zarr_format=2 if version == "0.4" else 3)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_highest_resolution(tmp_path, version):
    array = RNG.integers(0, 999, (1, 2, 4, 6, 8), dtype=np.uint16)
    group = new_group(tmp_path / "a.ome.zarr", version)
    write(group, version, [array, array[..., ::2, ::2]])
    image, geometry = read_image(tmp_path / "a.ome.zarr")
    np.testing.assert_array_equal(image, array[0])
    assert image.dtype == np.uint16
    assert geometry.spacing == pytest.approx((2.0, 0.25, 0.25))
    assert geometry.unit == "micrometer"
    assert geometry.source["version"] == version


def test_axes_in_another_order(tmp_path):
    array = RNG.integers(0, 999, (4, 3, 6, 8), dtype=np.uint16)
    write(new_group(tmp_path / "a.zarr", "0.5"), "0.5", [array], axes="zcyx")
    image, _ = read_image(tmp_path / "a.zarr")
    np.testing.assert_array_equal(image, array.transpose(1, 0, 2, 3))


def test_a_flat_stack_is_two_dimensional(tmp_path):
    array = RNG.integers(0, 999, (1, 1, 1, 6, 8), dtype=np.uint16)
    write(new_group(tmp_path / "a.zarr", "0.4"), "0.4", [array])
    image, geometry = read_image(tmp_path / "a.zarr")
    np.testing.assert_array_equal(image, array[0, 0])
    assert geometry.spacing == pytest.approx((0.25, 0.25))


def test_a_scale_without_unit_still_relates_the_axes(tmp_path):
    array = np.zeros((4, 6, 8), np.uint8)
    write(new_group(tmp_path / "a.zarr", "0.5"), "0.5", [array], axes="zyx", units={})
    _, geometry = read_image(tmp_path / "a.zarr")
    assert (geometry.spacing, geometry.unit) == ((2.0, 250.0, 250.0), "pixel")


def test_translations_are_scaled_by_what_follows(tmp_path):
    steps = [
        {"type": "scale", "scale": [0.5, 0.25]},
        {"type": "translation", "translation": [10.0, 5.0]},
    ]
    group = new_group(tmp_path / "a.zarr", "0.5")
    units = {"y": "micrometer", "x": "micrometer"}
    write(group, "0.5", [np.zeros((6, 8), np.uint8)], axes="yx", units=units, steps=steps)
    _, geometry = read_image(tmp_path / "a.zarr")
    assert geometry.spacing == (0.5, 0.25)
    assert geometry.source["origin"] == [20.0, 20.0]  # in pixels


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels(tmp_path, version):
    image = np.zeros((1, 6, 8), np.uint8)
    labels = RNG.integers(0, 99, (6, 8), dtype=np.int32)
    root = new_group(tmp_path / "a.zarr", version)
    write(root, version, [image], axes="cyx")
    holder = root.create_group("labels")
    names = {"labels": ["nuclei"]}
    holder.attrs.update(names if version == "0.4" else {"ome": {"version": "0.5", **names}})
    options = {"axes": "yx", "image-label": {}}
    write(holder.create_group("nuclei"), version, [labels], **options)
    for path in ("a.zarr", "a.zarr/labels/nuclei"):
        read, geometry = read_labels(tmp_path / path)
        np.testing.assert_array_equal(read, labels)
        assert geometry.spacing == pytest.approx((0.25, 0.25))
    names["labels"].append("cells")
    holder.attrs.update(names if version == "0.4" else {"ome": {"version": "0.5", **names}})
    with pytest.raises(SeptumError, match=r"holds 2 label images \(nuclei, cells\)"):
        read_labels(tmp_path / "a.zarr")


def test_an_image_without_labels_is_the_label_map(tmp_path):
    labels = RNG.integers(0, 99, (1, 6, 8), dtype=np.int32)
    write(new_group(tmp_path / "a.zarr", "0.5"), "0.5", [labels], axes="cyx")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.zarr")[0], labels[0])


def test_a_canonical_case_is_ome_zarr(tmp_path):
    image = RNG.integers(0, 99, (2, 3, 6, 8), dtype=np.uint8)
    labels = np.arange(144, dtype=np.uint32).reshape(3, 6, 8)
    geometry = Geometry((2.0, 0.5, 0.25), "micrometer")
    write_case(
        tmp_path / "c.zarr",
        Case("c", image, labels > 0, labels, geometry, IntensityStatistics({}, [], [])),
    )
    read, place = read_image(tmp_path / "c.zarr")
    np.testing.assert_array_equal(read, image)
    assert (place.spacing, place.unit) == ((2.0, 0.5, 0.25), "micrometer")
    np.testing.assert_array_equal(read_labels(tmp_path / "c.zarr/labels/instance")[0], labels)


def test_errors(tmp_path):
    times = np.zeros((3, 6, 8), np.uint8)
    write(new_group(tmp_path / "time.zarr", "0.5"), "0.5", [times], axes="tyx")
    new_group(tmp_path / "plate.zarr", "0.5").attrs["ome"] = {"version": "0.5", "plate": {}}
    new_group(tmp_path / "bare.zarr", "0.4")
    (tmp_path / "broken.zarr").mkdir()
    for name, message in (
        ("time", "3 time points"),
        ("plate", "is a plate"),
        ("bare", "no OME-Zarr image"),
        ("broken", "without a Zarr group"),
        ("gone", "does not exist"),
    ):
        with pytest.raises(SeptumError, match=rf"{name}\.zarr: .*{message}"):
            read_image(tmp_path / f"{name}.zarr")
