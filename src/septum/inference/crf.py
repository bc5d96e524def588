"""Dense CRF: class probabilities drawn to the edges of the image, by mean field.

Krähenbühl, Koltun, NIPS 2011, https://arxiv.org/abs/1210.5644, as DeepLab uses it (Chen et
al., https://arxiv.org/abs/1606.00915, section 3.3). Pixels i and j at positions p, with
intensities I, are tied by two kernels, of pixels that are near and alike, and of pixels that are
near:

    k₁(i, j) = exp(−|pᵢ − pⱼ|² / 2α² − |Iᵢ − Iⱼ|² / 2β²)
    k₂(i, j) = exp(−|pᵢ − pⱼ|² / 2γ²)

From Q = P, the network's probabilities, each iteration sets, and scales to a sum of one,

    Qᵢ(l) = Pᵢ(l) · exp(Σₘ wₘ · Σⱼ kₘ(i, j) Qⱼ(l) / Σⱼ kₘ(i, j)),   j ≠ i

Departures from the paper: the sums go over a window around each pixel, within which they are
exact, where the authors approximate them over the whole image (permutohedral lattice). The cost
grows with the window's pixels: 512² pixels of two classes take 7 s on one core, and 2 s on a
GPU, with α = 10, which is meant for objects of tens of pixels; DeepLab's α of 30 to 100, for
photographs, would take ten to a hundred times as long. Kernels are scaled to a sum of one in
each pixel, as in the authors' first released code, which DeepLab uses (the paper's equation is
not), so that weights mean the same for every window and at the image's border. All pairs of
classes are equally far apart (the Potts model).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from septum.errors import problem

Region = tuple[slice, ...]
Offset = tuple[int, ...]
# the kernel between the pixels of two regions, of which one is the other moved by an offset
Kernel = Callable[[Offset, Region, Region], Tensor | float]


@torch.no_grad()
def refine(
    probabilities: Tensor,
    image: Tensor,
    *,
    intensity_sigma: float,
    appearance_weight: float = 4.0,
    appearance_sigma: float = 10.0,
    smoothness_weight: float = 3.0,
    smoothness_sigma: float = 3.0,
    spacing: Sequence[float] | None = None,
    truncate: float = 2.0,
    iterations: int = 10,
) -> Tensor:
    """Refine class probabilities by the image they were predicted from.

    Parameters
    ----------
    probabilities : Tensor, (K, *spatial), float
        They sum to 1 over K in each pixel. The work is done where they are, on CPU or GPU.
    image : Tensor, (C, *spatial), float
    intensity_sigma : float
        β: by how much intensities of one object differ, in the image's units (Euclidean over
        channels). DeepLab: 3 to 6 of 255.
    appearance_weight, appearance_sigma : float
        w₁ and α, the latter in pixels, or in the units of ``spacing``.
    smoothness_weight, smoothness_sigma : float
        w₂ and γ (DeepLab's values by default).
    spacing : sequence of float, optional
        Of pixels along each axis; 1 where not given.
    truncate : float
        Radius of each kernel's window, in its sigmas.
    iterations : int
        Of mean field (DeepLab: 10).

    Returns
    -------
    Tensor, (K, *spatial), float32
        Probabilities again.

    Raises
    ------
    SeptumError
        If the sizes of probabilities, image and spacing differ, the image is not finite, or a
        sigma is not positive.
    """
    steps = (1.0,) * (image.ndim - 1) if spacing is None else tuple(spacing)
    sigmas = {
        "intensity_sigma": intensity_sigma,
        "appearance_sigma": appearance_sigma,
        "smoothness_sigma": smoothness_sigma,
    }
    _require_sense(probabilities, image, steps, sigmas)
    image = image.to(probabilities.device, torch.float32)

    def appearance(offset: Offset, here: Region, there: Region) -> Tensor:
        contrast = (image[here] - image[there]).square().sum(0) / (2 * intensity_sigma**2)
        distance = _distance(offset, steps) ** 2 / (2 * appearance_sigma**2)
        return torch.exp(-contrast - distance)

    def smoothness(offset: Offset, here: Region, there: Region) -> float:
        return math.exp(-(_distance(offset, steps) ** 2) / (2 * smoothness_sigma**2))

    kernels = []
    for weight, sigma, kernel in (
        (appearance_weight, appearance_sigma, appearance),
        (smoothness_weight, smoothness_sigma, smoothness),
    ):
        window = list(_window(image.shape[1:], steps, truncate * sigma))
        total = _gather(torch.ones_like(image[:1]), window, kernel)
        # a pixel unlike all others around it has no say from them
        kernels.append((weight / total.clamp(min=1e-20), window, kernel))

    refined = probabilities.float()
    logits = refined.log()
    for _ in range(iterations):
        messages = (scale * _gather(refined, *where) for scale, *where in kernels)
        refined = torch.softmax(sum(messages, start=logits), dim=0)
    return refined


def _gather(values: Tensor, window: Sequence[Offset], kernel: Kernel) -> Tensor:
    """Return Σⱼ k(i, j) · values(j) in each pixel i, over the j ≠ i of the window around it."""
    total = torch.zeros_like(values)
    for offset in window:
        here = (slice(None), *(slice(max(0, -d), -d if d > 0 else None) for d in offset))
        there = (slice(None), *(slice(max(0, d), d if d < 0 else None) for d in offset))
        weight = kernel(offset, here, there)
        # the kernel is symmetric: each pair is looked at once
        total[here] += weight * values[there]
        total[there] += weight * values[here]
    return total


def _window(size: Sequence[int], spacing: Sequence[float], radius: float) -> Iterator[Offset]:
    """Yield one of each two opposite offsets within a radius and within the image's size."""
    reach = [min(int(radius / step), n - 1) for n, step in zip(size, spacing, strict=True)]
    for offset in itertools.product(*(range(-r, r + 1) for r in reach)):
        if offset > (0,) * len(offset) and _distance(offset, spacing) <= radius:
            yield offset


def _distance(offset: Offset, spacing: Sequence[float]) -> float:
    return math.hypot(*(d * step for d, step in zip(offset, spacing, strict=True)))


def _require_sense(
    probabilities: Tensor, image: Tensor, spacing: Sequence[float], sigmas: dict[str, float]
) -> None:
    ours, theirs = tuple(probabilities.shape[1:]), tuple(image.shape[1:])
    if ours != theirs:
        what = f"have {ours} pixels, the image {theirs}"
        raise problem("probabilities", what, "give both of one size, channels first")
    if len(spacing) != len(theirs) or min(spacing) <= 0:
        what = f"is {tuple(spacing)}, but the image has {len(theirs)} axes"
        raise problem("spacing", what, "give a positive number an axis")
    if not torch.isfinite(image).all():
        what = "holds pixels that are not finite (NaN or infinity)"
        raise problem("image", what, "replace them, for example by the background's intensity")
    for name, sigma in sigmas.items():
        if not sigma > 0:
            raise problem(name, f"cannot be {sigma}", "give a positive number")
