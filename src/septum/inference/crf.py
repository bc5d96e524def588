"""Dense CRF with mean field inference, which aligns class probabilities with edges of the image.

Krähenbühl, Koltun, NIPS 2011, https://arxiv.org/abs/1210.5644, as DeepLab uses it (Chen et
al., https://arxiv.org/abs/1606.00915, section 3.3). Pixels i and j at positions p with
intensities I are coupled by two kernels, one for pixels that are close and similar, and one for
pixels that are close:

    k₁(i, j) = exp(−|pᵢ − pⱼ|² / 2α² − |Iᵢ − Iⱼ|² / 2β²)
    k₂(i, j) = exp(−|pᵢ − pⱼ|² / 2γ²)

Starting from the network's probabilities, Q = P, each iteration sets, and normalises to sum 1,

    Qᵢ(l) = Pᵢ(l) · exp(Σₘ wₘ · Σⱼ kₘ(i, j) Qⱼ(l) / Σⱼ kₘ(i, j)),   j ≠ i

Departures from the paper: sums are exact within a window around each pixel, where the authors
approximate sums over the whole image (permutohedral lattice). The cost grows with the number of
pixels of the window: 512² pixels of two classes take 7 s on one core, and 2 s on a GPU, with
α = 10, which is meant for objects of tens of pixels. DeepLab's α of 30 to 100, for photographs,
would take ten to a hundred times as long. Kernels are normalised to sum 1 in each pixel, so that
weights have the same meaning for all windows and at the border of the image. The authors' first
released code, which DeepLab uses, does this as well, the paper's equation does not. All pairs of
classes have the same compatibility (Potts model).
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
# kernel between the pixels of two regions, of which the second is the first shifted by an offset
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
        Probabilities that sum to 1 over K in each pixel, on the CPU or a GPU.
    image : Tensor, (C, *spatial), float
    intensity_sigma : float
        β, the variation of intensities within an object, in units of the image (Euclidean over
        channels). DeepLab uses 3 to 6 of 255.
    appearance_weight, appearance_sigma : float
        w₁ and α, the latter in pixels, or in the units of ``spacing``.
    smoothness_weight, smoothness_sigma : float
        w₂ and γ (DeepLab's values by default).
    spacing : sequence of float, optional
        Size of a pixel along each axis, by default 1.
    truncate : float
        Radius of the window of each kernel, in units of its sigma.
    iterations : int
        Number of mean field iterations (DeepLab uses 10).

    Returns
    -------
    Tensor, (K, *spatial), float32
        The refined probabilities.

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
    _check_arguments(probabilities, image, steps, sigmas)
    image = image.to(probabilities.device, torch.float32)

    def appearance(offset: Offset, pixels: Region, neighbours: Region) -> Tensor:
        contrast = (image[pixels] - image[neighbours]).square().sum(0) / (2 * intensity_sigma**2)
        distance = _distance(offset, steps) ** 2 / (2 * appearance_sigma**2)
        return torch.exp(-contrast - distance)

    def smoothness(offset: Offset, pixels: Region, neighbours: Region) -> float:
        return math.exp(-(_distance(offset, steps) ** 2) / (2 * smoothness_sigma**2))

    kernels = []
    for weight, sigma, kernel in (
        (appearance_weight, appearance_sigma, appearance),
        (smoothness_weight, smoothness_sigma, smoothness),
    ):
        window = list(_window(image.shape[1:], steps, truncate * sigma))
        total = _gather(torch.ones_like(image[:1]), window, kernel)
        # avoids a division by 0 for a pixel that differs from all others in its window
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
        pixels = (slice(None), *(slice(max(0, -d), -d if d > 0 else None) for d in offset))
        neighbours = (slice(None), *(slice(max(0, d), d if d < 0 else None) for d in offset))
        weight = kernel(offset, pixels, neighbours)
        # the kernel is symmetric, so that it is computed once for each pair
        total[pixels] += weight * values[neighbours]
        total[neighbours] += weight * values[pixels]
    return total


def _window(size: Sequence[int], spacing: Sequence[float], radius: float) -> Iterator[Offset]:
    """Yield one of each pair of opposite offsets within a radius and within the image's size."""
    reach = [min(int(radius / step), n - 1) for n, step in zip(size, spacing, strict=True)]
    for offset in itertools.product(*(range(-r, r + 1) for r in reach)):
        if offset > (0,) * len(offset) and _distance(offset, spacing) <= radius:
            yield offset


def _distance(offset: Offset, spacing: Sequence[float]) -> float:
    return math.hypot(*(d * step for d, step in zip(offset, spacing, strict=True)))


def _check_arguments(
    probabilities: Tensor, image: Tensor, spacing: Sequence[float], sigmas: dict[str, float]
) -> None:
    size, image_size = tuple(probabilities.shape[1:]), tuple(image.shape[1:])
    if size != image_size:
        what = f"have {size} pixels, the image {image_size}"
        raise problem("probabilities", what, "give both of one size, channels first")
    if len(spacing) != len(image_size) or min(spacing) <= 0:
        what = f"is {tuple(spacing)}, but the image has {len(image_size)} axes"
        raise problem("spacing", what, "give a positive number an axis")
    if not torch.isfinite(image).all():
        what = "holds pixels that are not finite (NaN or infinity)"
        raise problem("image", what, "replace them, for example by the background's intensity")
    for name, sigma in sigmas.items():
        if not sigma > 0:
            raise problem(name, f"cannot be {sigma}", "give a positive number")
