"""The rules that derive settings from a fingerprint."""

from __future__ import annotations

import math

import pytest

from septum.config.schema import (
    Normalisation,
    NoScaling,
    PercentileScaling,
    StandardScaling,
    WindowScaling,
)
from septum.stages.plan.rules import (
    derive_class_weights,
    derive_min_size,
    derive_normalisation,
    derive_patch,
    derive_sigma,
)


def found(
    *,
    size=(256, 256),
    spacing=None,
    diameters=None,
    pixels=None,
    reader="tiff",
    darkest=0.0,
    foreground=None,
    share=None,
) -> dict:
    """Return as much of a fingerprint as the rules look at; diameters are (median, 95 %)."""
    objects = None
    if diameters or pixels:
        objects = {
            "diameter_px": dict(zip(("50", "95"), diameters or (1, 1), strict=True)),
            "pixels": {"1": pixels},
        }
    return {
        "size": {"median": list(size)},
        "spacing": {"median": list(spacing or (1.0,) * len(size))},
        "objects": objects,
        "readers": {reader: 3},
        "intensity": {
            "percentiles": {"0": [darkest], "0.5": [-900.0], "99.5": [800.0]},
            "mean": [-100.0],
            "std": [300.0],
        },
        "foreground": foreground,
        "classes": None if share is None else {"pixel_share": share},
    }


@pytest.mark.parametrize(
    ("fingerprint", "expected"),
    [
        # small nuclei: the smallest patch
        (found(size=(512, 512), diameters=(20, 30)), (128, 128)),
        # four median diameters, or two large ones
        (found(size=(512, 512), diameters=(45, 50)), (192, 192)),
        (found(size=(512, 512), diameters=(45, 110)), (224, 224)),
        # large cells: as many pixels as allowed
        (found(size=(512, 512), diameters=(115, 140)), (256, 256)),
        # no objects: the image, or as much of it as fits; 65,536 = 128 × 512
        (found(size=(512, 512)), (256, 256)),
        (found(size=(128, 2000)), (128, 512)),
        # never larger than the image, rounded up to 16
        (found(size=(100, 50), diameters=(40, 90)), (112, 64)),
        (found(size=(36, 50, 35), spacing=(1, 1, 1)), (48, 64, 48)),
        (found(size=(100, 100, 100), diameters=(16, 30)), (64, 64, 64)),
        # coarse z: as far in physical units, so fewer slices; 16 · 128 · 128 = 64³
        (found(size=(30, 512, 512), spacing=(5.0, 1.0, 1.0)), (16, 128, 128)),
        (found(size=(60, 512, 512), spacing=(4.0, 1.0, 1.0), diameters=(20, 30)), (32, 80, 80)),
    ],
)
def test_patch(fingerprint, expected):
    patch, why = derive_patch(fingerprint)
    assert patch == expected
    assert why


@pytest.mark.parametrize("diameter", [3.0, 17.0, 60.0, 400.0])
@pytest.mark.parametrize(
    "size", [(17, 1000), (600, 600), (5, 300, 300), (64, 64, 64), (200, 90, 40)]
)
def test_patch_is_bounded_and_a_multiple_of_16(diameter, size):
    patch, _ = derive_patch(found(size=size, diameters=(diameter, 2 * diameter)))
    assert all(
        p % 16 == 0 and 16 <= p <= math.ceil(n / 16) * 16 for p, n in zip(patch, size, strict=True)
    )
    assert math.prod(patch) <= {2: 65_536, 3: 262_144}[len(size)]


@pytest.mark.parametrize(
    ("fingerprint", "expected"),
    [
        (found(), PercentileScaling(lower=1.0, upper=99.8)),
        (
            found(reader="raster", darkest=-1000),
            PercentileScaling(lower=1.0, upper=99.8),
        ),
        (found(reader="nifti"), StandardScaling()),
        (found(reader="nifti", darkest=-30), StandardScaling()),
        # no labels to take the window from
        (
            found(reader="nifti", darkest=-1024),
            WindowScaling(low=-900.0, high=800.0, mean=-100.0, std=300.0),
        ),
        (
            found(
                reader="nifti",
                darkest=-1024,
                foreground={
                    "percentiles": {"0.5": [-50.0], "99.5": [150.0]},
                    "mean": [60.0],
                    "std": [20.0],
                },
            ),
            WindowScaling(low=-50.0, high=150.0, mean=60.0, std=20.0),
        ),
    ],
)
def test_normalisation(fingerprint, expected):
    assert derive_normalisation(Normalisation(), fingerprint)[0] == expected


def test_normalisation_as_configured():
    settings = Normalisation(scheme="percentile", lower=2, upper=98)
    resolved, why = derive_normalisation(settings, found(reader="nifti"))
    assert resolved == PercentileScaling(lower=2.0, upper=98.0)
    assert why == {"normalisation": "as configured"}
    window = Normalisation(scheme="ct", window=(-200, 300))
    resolved, why = derive_normalisation(window, found())
    assert why == {"normalisation": "as configured", "window": "window as configured"}
    assert (resolved.low, resolved.high) == (-200.0, 300.0)
    assert derive_normalisation(Normalisation(scheme="none"), found())[0] == NoScaling()


@pytest.mark.parametrize(
    ("fingerprint", "expected"),
    [
        (found(diameters=(100, 120)), 5.0),
        (found(diameters=(18, 30)), 2.0),
        (found(diameters=(900, 950)), 10.0),
        (found(diameters=(100, 120), spacing=(0.25, 0.25)), 1.25),
        (found(diameters=(60, 70), size=(9, 64, 64), spacing=(2.0, 0.5, 0.5)), 1.5),
        (found(spacing=(2.0, 2.0)), 10.0),
    ],
)
def test_sigma(fingerprint, expected):
    assert derive_sigma(fingerprint)[0] == pytest.approx(expected)


def test_min_size():
    assert derive_min_size(found(pixels=41.0))[0] == 20
    assert derive_min_size(found())[0] == 0


def test_class_weights():
    weights, _ = derive_class_weights([1], found(share={"0": 0.75, "1": 0.25}))
    # 1 / (2 · 0.75) and 1 / (2 · 0.25): the mean over pixels is 1 as it is
    assert weights == {"0": pytest.approx(2 / 3, abs=1e-6), "1": 2.0}
    rare, _ = derive_class_weights([1, 2], found(share={"0": 0.5, "1": 0.499, "2": 0.001}))
    # a class of one pixel in a thousand stays at 10 before scaling, not 333
    assert rare["2"] / rare["1"] == pytest.approx(10 * 3 * 0.499, rel=1e-5)
    shares = {"0": 0.5, "1": 0.499, "2": 0.001}
    assert sum(rare[i] * shares[i] for i in shares) == pytest.approx(1, abs=1e-5)


def test_class_weights_of_absent_classes():
    absent, _ = derive_class_weights([1, 2], found(share={"0": 0.5, "1": 0.5}))
    assert absent == {"0": 1.0, "1": 1.0, "2": 1.0}
    none, why = derive_class_weights([1], found())
    assert (none, why) == ({"0": 1.0, "1": 1.0}, "no labels")
