"""The rules by which settings left at ``auto`` follow from a dataset's fingerprint.

Each rule returns its value and a sentence that says why. Rules are given the fingerprint of the
cases outside the test set, so that nothing is derived from test images.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from septum.config.schema import (
    IntensityScheme,
    Normalisation,
    NoScaling,
    PercentileScaling,
    StandardScaling,
    WindowScaling,
)

# Largest number of pixels of a patch, and smallest length of a side, by the number of axes.
MAX_PATCH_PX = {2: 256**2, 3: 64**3}
MIN_PATCH_PX = {2: 128, 3: 48}
PATCH_STEP_PX = 16  # divisible by two four times, once for each pooling

# Ronneberger et al. (2015) take σ ≈ 5 px for cells of about 100 px.
SIGMA_PER_DIAMETER = 0.05
SIGMA_RANGE_PX = (2.0, 10.0)

MAX_CLASS_WEIGHT = 10.0


def derive_normalisation(
    settings: Normalisation, fingerprint: Mapping[str, Any]
) -> tuple[IntensityScheme, dict[str, str]]:
    """Choose the normalisation and fill in its parameters.

    With ``auto``, NIfTI images whose darkest pixels lie below −500 are taken for CT (in
    Hounsfield units air is −1000) and get a window. Other NIfTI images have no fixed scale of
    intensity (MRI) and are standardised. All other images are taken for microscopy and scaled
    by percentiles, which are robust against hot pixels and empty background. The CT window, its
    mean and standard deviation are those of nnU-Net (Isensee et al. 2021): the 0.5 and 99.5
    percentiles of the annotated foreground.

    Parameters
    ----------
    settings : Normalisation
        The dataset's section.
    fingerprint : mapping
        See `septum.stages.plan.fingerprint.fingerprint`.

    Returns
    -------
    IntensityScheme
        With its parameters (`septum.data.intensity.normalise`).
    dict of str to str
        Why: of the scheme as ``normalisation``, and of a CT window as ``window``.
    """
    scheme, why = settings.scheme, "as configured"
    if scheme == "auto":
        scheme, why = _scheme(fingerprint)
    if scheme == "percentile":
        scaling = PercentileScaling(lower=settings.lower, upper=settings.upper)
        return scaling, {"normalisation": why}
    if scheme == "ct":
        scaling, why_window = _window(settings, fingerprint)
        return scaling, {"normalisation": why, "window": why_window}
    return (NoScaling() if scheme == "none" else StandardScaling()), {"normalisation": why}


def derive_patch(fingerprint: Mapping[str, Any]) -> tuple[tuple[int, ...], str]:
    """Choose the training patch.

    The patch spans four objects of median diameter and two of the 95th percentile, or, without
    single objects, as much of the median image as fits. It has the same length in physical
    units along every axis, and so is shorter in pixels along a coarse one (as in nnU-Net). It
    is no larger than the median image nor than 256² or 64³ pixels in all, and a multiple of 16
    along each axis.

    Returns
    -------
    tuple of int
        Pixels along each axis.
    str
        Why.
    """
    size, spacing = fingerprint["size"]["median"], fingerprint["spacing"]["median"]
    ndim, finest = len(size), min(spacing)
    diameters = (fingerprint["objects"] or {}).get("diameter_px")
    budget = MAX_PATCH_PX[ndim]
    if diameters:
        span = max(4 * diameters["50"], 2 * diameters["95"], MIN_PATCH_PX[ndim])
        why = f"to span several objects of {diameters['50']:.3g} px"
    else:
        span = math.inf
        why = f"as much of an image of {_times(size)} px as {budget:,} pixels allow"
    ideal = [min(n, span * finest / s) for n, s in zip(size, spacing, strict=True)]
    patch = [max(1, math.ceil(n / PATCH_STEP_PX)) * PATCH_STEP_PX for n in ideal]
    while math.prod(patch) > budget:
        # shorten the axis that is longest in physical units
        reach = [n * s if n > PATCH_STEP_PX else 0 for n, s in zip(patch, spacing, strict=True)]
        patch[reach.index(max(reach))] -= PATCH_STEP_PX
        if diameters:
            why = f"to span several objects of {diameters['50']:.3g} px in {budget:,} pixels"
    if max(spacing) > 1.5 * finest:
        why += ", shorter along coarse axes"
    return tuple(patch), why


def derive_sigma(fingerprint: Mapping[str, Any]) -> tuple[float, str]:
    """Choose σ of the border weight map, in the unit of the spacing.

    σ is a twentieth of the median object diameter, as the U-Net paper takes 5 px for cells of
    about 100 px, but between 2 and 10 pixels of the finest axis.

    Returns
    -------
    float
        σ in the unit of the spacing (pixels if there is none).
    str
        Why.
    """
    finest = min(fingerprint["spacing"]["median"])
    diameters = (fingerprint["objects"] or {}).get("diameter_px")
    if not diameters:
        return 5.0 * finest, "5 px as in the U-Net paper, since no single objects are annotated"
    low, high = SIGMA_RANGE_PX
    pixels = min(max(SIGMA_PER_DIAMETER * diameters["50"], low), high)
    why = f"{pixels:.3g} px: 1/20 of the median diameter, within {low:g} to {high:g} px"
    return pixels * finest, why


def derive_min_size(fingerprint: Mapping[str, Any]) -> tuple[int, str]:
    """Choose the smallest object that a decoder keeps: half the size of the smallest 1 %.

    Returns
    -------
    int
        Pixels.
    str
        Why.
    """
    pixels = (fingerprint["objects"] or {}).get("pixels")
    if not pixels:
        return 0, "no single objects are annotated"
    return int(pixels["1"] / 2), f"half of what 99 % of the objects exceed ({pixels['1']:.4g} px)"


def derive_class_weights(
    classes: Iterable[int], fingerprint: Mapping[str, Any]
) -> tuple[dict[str, float], str]:
    """Choose the weight w_c of each class, background included.

    With K classes present, w_c is 1 / (K · share of pixels), at most 10, and then scaled so that
    the mean weight of all pixels is 1.

    Returns
    -------
    dict of str to float
        Class id as text to weight.
    str
        Why.
    """
    ids = sorted({0, *classes})
    share = (fingerprint["classes"] or {}).get("pixel_share", {})
    present = [i for i in ids if share.get(str(i), 0) > 0]
    if not present:
        return {str(i): 1.0 for i in ids}, "no labels"
    raw = {i: min(1 / (len(present) * share[str(i)]), MAX_CLASS_WEIGHT) for i in present}
    mean = sum(raw[i] * share[str(i)] for i in present) / sum(share[str(i)] for i in present)
    # later stages look up the weights of classes without pixels, too
    weights = {str(i): round(raw[i] / mean, 6) if i in raw else 1.0 for i in ids}
    return weights, "inverse to the share of pixels"


def _scheme(fingerprint: Mapping[str, Any]) -> tuple[str, str]:
    if set(fingerprint["readers"]) != {"nifti"}:
        return "percentile", "microscopy images"
    darkest = min(fingerprint["intensity"]["percentiles"]["0"])
    if darkest < -500:
        return "ct", f"NIfTI with values down to {darkest:.4g} (Hounsfield units)"
    return "zscore", "NIfTI without Hounsfield units: no fixed scale of intensity"


def _window(settings: Normalisation, fingerprint: Mapping[str, Any]) -> tuple[WindowScaling, str]:
    """Return the CT window with its mean and standard deviation, over all channels."""
    source = fingerprint["foreground"] or fingerprint["intensity"]
    name = "foreground" if fingerprint["foreground"] else "image"
    percentiles = source["percentiles"]
    low, high = min(percentiles["0.5"]), max(percentiles["99.5"])
    why = f"window from the {name}'s 0.5 and 99.5 percentiles"
    if settings.window != "auto":
        low, high = settings.window
        why = "window as configured"
    mean = sum(source["mean"]) / len(source["mean"])
    # the variances of channels are averaged, since all channels have the same scale
    std = math.sqrt(sum(s * s for s in source["std"]) / len(source["std"]))
    return WindowScaling(low=low, high=high, mean=mean, std=std), why


def _times(size: Iterable[int]) -> str:
    return " × ".join(str(n) for n in size)
