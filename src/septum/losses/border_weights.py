"""Border weight maps: how much each pixel counts in the training loss.

Ronneberger, Fischer and Brox, *U-Net: Convolutional Networks for Biomedical Image
Segmentation*, MICCAI 2015 (https://arxiv.org/abs/1505.04597), equation 2:

    w(x) = w_c(x) + w0 · exp(−(d1(x) + d2(x))² / (2σ²))

with d1 and d2 the distances to the nearest and to the second nearest cell, after separation
borders have been introduced between touching cells by morphology
(`septum.instances.touching.separate_touching`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from septum.errors import problem
from septum.instances.two_nearest import two_nearest

# Terms below this are left out; it is far under float32's resolution of a weight near 1.
MIN_BORDER_TERM = 1e-7

# The released code of the authors (mode "lmb"): v, and what it has in place of w0 and sigma.
LMB_FLOOR = 0.1
LMB_GAP_PER_W0 = 5.0  # λ = 50
LMB_GAP_PER_SIGMA = 1.2  # σ2 = 6
LMB_RIM_PER_SIGMA = 2.0  # σ1 = 10


def border_weight_map(
    labels: np.ndarray,
    *,
    w0: float = 10.0,
    sigma: float = 5.0,
    spacing: Sequence[float] | None = None,
    class_balance: bool = True,
    mode: str = "paper",
    classes: np.ndarray | None = None,
    class_weights: Sequence[float] | None = None,
) -> np.ndarray:
    """Return the weight of every pixel in the loss, raised in the gaps between objects.

    Parameters
    ----------
    labels : integer array, any number of dimensions
        0 is background, every other value one object. Objects that touch leave no gap to
        weigh: pass the map through `septum.instances.touching.separate_touching` first.
    w0 : float
        Height of the border term.
    sigma : float
        Its width, in pixels, or in units of ``spacing`` where that is given.
    spacing : sequence of float, optional
        Pixel size along each axis.
    class_balance : bool
        Whether w_c balances the frequencies of the classes; w_c = 1 otherwise. The paper does
        not say how; here w_c = N / (K · N_c) with N pixels, K classes that are present and N_c
        pixels of class c, so that every class has the same sum of weights and their mean is 1.
    mode : {"paper", "lmb"}
        ``paper``: the equation above; the border term is added to pixels outside of objects,
        objects carry their class weight only.
        ``lmb``: the released code of the authors, 1 in objects and, outside of them,
        v + (1 − v) · exp(−d1² / (2σ1²)) + λ · exp(−(d1 + d2)² / (2σ2²)) with v = 0.1, λ = 5 · w0,
        σ1 = 2 · sigma, σ2 = 1.2 · sigma: its λ = 50, σ1 = 10 and σ2 = 6 at the default values.
        v and σ1 are its balance of classes, so class_balance and class_weights do not apply.
    classes : integer array of the shape of ``labels``, optional
        Class of every pixel; without it, 0 outside and 1 inside of objects. Pixels of a class
        that is no object (stuff) carry their class weight, and the border term too.
    class_weights : sequence of float, optional
        w_c of class 0, 1, …, in place of the balance of this one image: those of the whole
        dataset, so that an image with a single small object does not weigh it a thousandfold.

    Returns
    -------
    float32 array of the shape of ``labels``

    Raises
    ------
    SeptumError
        An argument of wrong type, shape or range.

    Notes
    -----
    d1 and d2 go from pixel centre to the nearest pixel centre of the object. With fewer than
    two objects there is no border term, with no class but one w_c is 1. Border terms under
    1e-7 are left out, which lets distances end at sigma · √(2 ln(w0 / 1e-7)); everything else
    is exact up to float32 rounding. Time and memory grow with pixels, not with objects.

    Examples
    --------
    Both pixels of the gap are 1 and 2 pixels away from the two objects, and
    1 + 10 · exp(−(1 + 2)² / (2 · 5²)) = 9.35.

    >>> labels = np.array([1, 1, 0, 0, 2, 2])
    >>> border_weight_map(labels, class_balance=False).round(2)
    array([1.  , 1.  , 9.35, 9.35, 1.  , 1.  ], dtype=float32)
    """
    labels = np.asarray(labels)
    gap, gap_sigma, rim_sigma = _constants(w0, sigma, mode)
    reach = max(_reach(gap, gap_sigma), _reach(1 - LMB_FLOOR, rim_sigma))
    d1, d2 = two_nearest(labels, spacing, max_distance=reach)
    outside = labels == 0
    classes = ~outside if classes is None else np.asarray(classes)
    if classes.shape != labels.shape or classes.dtype.kind not in "bui":
        raise problem(
            "classes",
            f"are {classes.dtype} of shape {classes.shape}, labels have shape {labels.shape}",
            "give the class map of the same image, in whole numbers",
        )
    d2 += d1
    if mode == "lmb":
        weights = _gauss(d1, rim_sigma, 1 - LMB_FLOOR)
        weights += np.float32(LMB_FLOOR)
        weights[classes > 0] = 1.0
    else:
        weights = _class_term(classes, class_balance, class_weights)
    border = _gauss(d2, gap_sigma, gap)
    border *= outside
    weights += border
    return weights


def balanced_class_weights(counts: Sequence[int]) -> list[float]:
    """Return w_c = N / (K · N_c) for the pixel counts of the classes; 1 for an absent class.

    Examples
    --------
    >>> balanced_class_weights([60, 20, 0])
    [0.6666666666666666, 2.0, 1.0]
    """
    total, present = sum(counts), sum(count > 0 for count in counts)
    return [total / (present * count) if count else 1.0 for count in counts]


def _constants(w0: float, sigma: float, mode: str) -> tuple[float, float, float]:
    """Return height and width of the border term, and width of the rim (0 where there is none)."""
    if not (math.isfinite(w0) and w0 >= 0):
        raise problem("w0", f"is {w0}", "give a number of 0 or more")
    if not (math.isfinite(sigma) and sigma > 0):
        raise problem("sigma", f"is {sigma}", "give a number above 0")
    if mode == "paper":
        return w0, sigma, 0.0
    if mode == "lmb":
        return LMB_GAP_PER_W0 * w0, LMB_GAP_PER_SIGMA * sigma, LMB_RIM_PER_SIGMA * sigma
    raise problem("mode", f"cannot be {mode!r}", "choose one of: paper, lmb")


def _reach(height: float, sigma: float) -> float:
    """Return the distance from which height · exp(−d² / (2σ²)) is negligible."""
    if height <= MIN_BORDER_TERM:
        return 0.0
    return sigma * math.sqrt(2 * math.log(height / MIN_BORDER_TERM))


def _gauss(distance: np.ndarray, sigma: float, height: float) -> np.ndarray:
    """Return height · exp(−distance² / (2σ²)), computed in place."""
    np.square(distance, out=distance)
    distance *= np.float32(-0.5 / sigma**2)
    np.exp(distance, out=distance)
    distance *= np.float32(height)
    return distance


def _class_term(
    classes: np.ndarray, class_balance: bool, class_weights: Sequence[float] | None
) -> np.ndarray:
    """Return w_c of every pixel."""
    if class_weights is None and not class_balance:
        return np.ones(classes.shape, np.float32)
    ids = classes.astype(np.intp) if classes.dtype != bool else classes.view(np.uint8)
    counts = np.bincount(ids.ravel())
    table = balanced_class_weights(counts) if class_weights is None else class_weights
    if len(counts) > len(table):
        raise problem(
            "class_weights",
            f"name {len(table)} classes, but the class map holds class {len(counts) - 1}",
            "give one weight a class, background first",
        )
    return np.asarray(table, np.float32)[ids]
