"""The size of a pixel, from the places where a TIFF file keeps it."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from septum.data.readers.choose import read_image


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"imagej": True, "resolution": (4, 2), "metadata": {"unit": "um", "spacing": 3.0}},
            ((3.0, 0.5, 0.25), "micrometer"),
        ),
        (
            {"imagej": True, "resolution": (4, 2), "metadata": {"unit": "\\u00B5m", "spacing": 3}},
            ((3.0, 0.5, 0.25), "micrometer"),
        ),
        (
            {"imagej": True, "resolution": (4, 2), "metadata": {"unit": "nm", "spacing": 50.0}},
            ((0.05, 0.0005, 0.00025), "micrometer"),
        ),
        (
            {"imagej": True, "resolution": (4, 2), "metadata": {"unit": "mm", "spacing": 3.0}},
            ((3.0, 0.5, 0.25), "millimeter"),
        ),
        # z is not known: half a geometry is none
        (
            {"imagej": True, "resolution": (4, 2), "metadata": {"unit": "um"}},
            ((1.0, 1.0, 1.0), "pixel"),
        ),
        (
            {"imagej": True, "resolution": (4, 2), "metadata": {"unit": "pixel", "spacing": 3.0}},
            ((1.0, 1.0, 1.0), "pixel"),
        ),
        (
            {
                "ome": True,
                "metadata": {
                    "PhysicalSizeX": 0.25,
                    "PhysicalSizeY": 500,
                    "PhysicalSizeYUnit": "nm",
                    "PhysicalSizeZ": 3,
                },
            },
            ((3.0, 0.5, 0.25), "micrometer"),
        ),
        ({"ome": True, "metadata": {}}, ((1.0, 1.0, 1.0), "pixel")),
    ],
)
def test_spacing_of_stacks(tmp_path, options, expected):
    options["metadata"] = {"axes": "ZYX", **options["metadata"]}
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5, 6), np.uint16), **options)
    _, geometry = read_image(tmp_path / "a.tif")
    assert geometry.spacing == pytest.approx(expected[0], rel=1e-6)
    assert geometry.unit == expected[1]


@pytest.mark.parametrize(
    ("resolution", "unit", "expected"),
    [
        ((20000, 10000), "CENTIMETER", ((1.0, 0.5), "micrometer")),
        ((50800, 50800), "INCH", ((0.5, 0.5), "micrometer")),
        ((300, 300), "INCH", ((1.0, 1.0), "pixel")),  # a printer's
        ((72, 72), "INCH", ((1.0, 1.0), "pixel")),
        ((1, 1), "NONE", ((1.0, 1.0), "pixel")),
    ],
)
def test_spacing_of_plain_images(tmp_path, resolution, unit, expected):
    tifffile.imwrite(
        tmp_path / "a.tif", np.zeros((5, 6), np.uint16), resolution=resolution, resolutionunit=unit
    )
    _, geometry = read_image(tmp_path / "a.tif")
    micrometers = np.array(geometry.spacing) * (1000 if geometry.unit == "millimeter" else 1)
    assert micrometers == pytest.approx(expected[0])
    assert (geometry.unit == "pixel") == (expected[1] == "pixel")
