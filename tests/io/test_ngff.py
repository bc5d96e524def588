"""Metadata of OME-Zarr images, of both versions."""

from __future__ import annotations

import pytest

from septum.io.ngff import image_attributes, label_attributes, spatial_axes, wrap


def test_names_of_axes():
    assert spatial_axes(1) == ["x"]
    assert spatial_axes(2) == ["y", "x"]
    assert spatial_axes(3) == ["z", "y", "x"]
    for ndim in (0, 4):
        with pytest.raises(ValueError, match="1 to 3 spatial axes"):
            spatial_axes(ndim)


def test_an_image_of_version_0_5():
    attributes = image_attributes("a", (0.5, 0.25), "micrometer", channels=True)
    (multiscale,) = attributes["ome"]["multiscales"]
    assert attributes["ome"]["version"] == "0.5"
    assert multiscale == {
        "name": "a",
        "axes": [
            {"name": "c", "type": "channel"},
            {"name": "y", "type": "space", "unit": "micrometer"},
            {"name": "x", "type": "space", "unit": "micrometer"},
        ],
        "datasets": [
            {
                "path": "0",
                "coordinateTransformations": [{"type": "scale", "scale": [1.0, 0.5, 0.25]}],
            }
        ],
    }


def test_pixels_are_no_unit_and_an_origin_is_a_translation():
    attributes = image_attributes("a", (1, 1), "pixel", channels=True, origin=(0.0, 3.0))
    (multiscale,) = attributes["ome"]["multiscales"]
    assert multiscale["axes"][1:] == [{"name": n, "type": "space"} for n in "yx"]
    steps = multiscale["datasets"][0]["coordinateTransformations"]
    assert steps[1] == {"type": "translation", "translation": [0.0, 0.0, 3.0]}
    nowhere = image_attributes("a", (1, 1), "pixel", channels=True, origin=(0.0, 0.0))
    (multiscale,) = nowhere["ome"]["multiscales"]
    assert len(multiscale["datasets"][0]["coordinateTransformations"]) == 1


def test_version_0_4_has_no_group_of_its_own():
    attributes = label_attributes("a", (1.0, 1.0), "pixel", image=None, version="0.4")
    assert attributes["multiscales"][0]["version"] == "0.4"
    assert attributes["image-label"] == {}
    assert wrap({"labels": ["a"]}, "0.4") == {"labels": ["a"]}


def test_labels_name_their_image():
    attributes = label_attributes("a", (1.0, 1.0), "pixel", image="../..")
    assert attributes["ome"]["image-label"] == {"source": {"image": "../.."}}
    assert [axis["name"] for axis in attributes["ome"]["multiscales"][0]["axes"]] == ["y", "x"]
