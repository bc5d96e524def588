"""Simulated cells and the optics that look at them, in any number of dimensions.

Shapes are smooth deformed ellipsoids that press against each other: where two would overlap,
each keeps what is nearer to its own centre in units of its own radius, so that neighbours meet
in a straight wall, as crowded nuclei do. Optics are a Gaussian point spread, shot noise and
read noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

Shape = tuple[int, ...]
MAX_SHARE_LOST = 0.35
"""A new cell may lose at most this part of itself to cells that are there already."""


@dataclass(frozen=True)
class Cells:
    """Cells on a grid of pixels.

    Attributes
    ----------
    labels : (*spatial) uint16 array
        0 is none; 1…n.
    depth : (*spatial) float array
        1 at a cell's centre, 0 at its rim and outside.
    """

    labels: np.ndarray
    depth: np.ndarray

    @property
    def count(self) -> int:
        """Number of cells."""
        return int(self.labels.max(initial=0))


def grow_cells(
    rng: np.random.Generator,
    shape: Shape,
    *,
    count: int,
    radius: float,
    spacing: Sequence[float],
    clustering: float,
    elongation: float = 1.35,
    forbidden: np.ndarray | None = None,
) -> Cells:
    """Place cells one after another, many of them beside one that is there.

    Parameters
    ----------
    rng : numpy Generator
    shape : tuple of int
        Of the grid.
    count : int
        Cells to try; those that would be covered too much are not placed.
    radius : float
        Mean radius, in the unit of ``spacing``.
    spacing : sequence of float
        Of the grid.
    clustering : float
        Chance that a cell is put beside another one.
    elongation : float
        Typical ratio of a cell's longest to its shortest axis.
    forbidden : bool array, optional
        Where no cell may have its centre.
    """
    spacing = np.asarray(spacing, dtype=float)
    extent = np.array(shape) * spacing
    nearest = np.full(shape, np.inf)
    labels = np.zeros(shape, np.uint16)
    centres: list[np.ndarray] = []
    for _ in range(count):
        size = radius * rng.lognormal(0.0, 0.18)
        centre = rng.uniform(0, extent)
        if centres and rng.random() < clustering:
            direction = rng.normal(size=len(shape))
            direction /= np.linalg.norm(direction)
            centre = centres[rng.integers(len(centres))] + direction * size * rng.uniform(1.5, 2.1)
        pixel = tuple((centre / spacing).astype(int))
        inside = all(0 <= a < n for a, n in zip(pixel, shape, strict=True))
        if not inside or (forbidden is not None and forbidden[pixel]):
            continue
        window, distance = _radial(rng, shape, spacing, centre, size, elongation)
        body = distance < 1
        earlier_labels = labels[window]
        overlap = body & (earlier_labels > 0)
        if overlap.sum() > MAX_SHARE_LOST * body.sum():
            continue
        won = body & (distance < nearest[window])
        if _eats_up(labels, earlier_labels[won & overlap]):
            continue
        earlier_labels[won] = len(centres) + 1
        nearest[window][won] = distance[won]
        centres.append(centre)
    depth = np.where(labels > 0, 1 - np.minimum(nearest, 1), 0.0)
    return Cells(_tidy(labels), depth)


def texture(rng: np.random.Generator, shape: Shape, scale: Sequence[float]) -> np.ndarray:
    """Return smooth noise of mean 0 and standard deviation 1; ``scale`` in pixels by axis."""
    noise = ndimage.gaussian_filter(rng.normal(size=shape), scale, mode="wrap")
    return (noise - noise.mean()) / noise.std()


def per_cell(values: np.ndarray, cells: Cells) -> np.ndarray:
    """Spread one value a cell over its pixels; background is 0."""
    return np.concatenate([[0.0], values])[cells.labels]


def camera(
    rng: np.random.Generator,
    light: np.ndarray,
    *,
    blur: Sequence[float],
    photons: float,
    read_noise: float,
) -> np.ndarray:
    """Look at ``light`` (about 0 to 1) through a microscope.

    Parameters
    ----------
    rng : numpy Generator
    light : (*spatial) float array
    blur : sequence of float
        Standard deviation of the point spread, pixels by axis.
    photons : float
        Photons at a pixel of light 1: the fewer, the grainier.
    read_noise : float
        Standard deviation, in photons.

    Returns
    -------
    (*spatial) float array
        In units of ``light``.
    """
    sharp = np.clip(ndimage.gaussian_filter(light, blur, mode="reflect"), 0, None)
    counted = rng.poisson(sharp * photons) + rng.normal(0, read_noise, light.shape)
    return counted / photons


def _radial(
    rng: np.random.Generator,
    shape: Shape,
    spacing: np.ndarray,
    centre: np.ndarray,
    size: float,
    elongation: float,
) -> tuple[tuple[slice, ...], np.ndarray]:
    """Return the distance from the centre in units of the cell's own radius, in its window."""
    ndim = len(shape)
    axes = np.exp(rng.normal(0, 0.5 * np.log(elongation), ndim))
    axes /= np.prod(axes) ** (1 / ndim)
    rotation, _ = np.linalg.qr(rng.normal(size=(ndim, ndim)))
    reach = size * axes.max() * 1.5
    window = tuple(
        slice(max(0, int((c - reach) / s)), min(n, int((c + reach) / s) + 2))
        for c, s, n in zip(centre, spacing, shape, strict=True)
    )
    grid = np.stack(np.mgrid[window]).astype(float)
    offset = grid * spacing.reshape(-1, *[1] * ndim) - centre.reshape(-1, *[1] * ndim)
    body = np.tensordot(rotation, offset, axes=1) / axes.reshape(-1, *[1] * ndim)
    distance = np.sqrt((body**2).sum(axis=0)) / size
    # low waves over the surface keep a cell from being a perfect ellipsoid
    direction = body / np.maximum(np.sqrt((body**2).sum(axis=0)), 1e-9)
    waves = rng.normal(size=(4, ndim)) * np.array([1.5, 2.2, 3.0, 4.0]).reshape(-1, 1)
    phases, heights = rng.uniform(0, 2 * np.pi, 4), 0.07 / np.array([1.0, 1.3, 1.8, 2.5])
    bumps = sum(
        h * np.sin(np.tensordot(wave, direction, axes=1) + phase)
        for wave, phase, h in zip(waves, phases, heights, strict=True)
    )
    return window, distance / (1 + bumps)


def _eats_up(labels: np.ndarray, stolen: np.ndarray) -> bool:
    """Whether a cell that is there would lose too much of itself."""
    for label, count in zip(*np.unique(stolen, return_counts=True), strict=True):
        if count > MAX_SHARE_LOST * np.count_nonzero(labels == label):
            return True
    return False


def _tidy(labels: np.ndarray) -> np.ndarray:
    """Keep the largest piece of each cell, drop crumbs at the image's rim, number from 1."""
    tidy = np.zeros_like(labels)
    number = 0
    areas = np.bincount(labels.ravel())[1:]
    smallest = max(12, 0.05 * np.median(areas[areas > 0])) if areas.any() else 0
    for label, window in enumerate(ndimage.find_objects(labels), start=1):
        if window is None:
            continue
        pieces, count = ndimage.label(labels[window] == label)
        if count == 0:
            continue
        sizes = np.bincount(pieces.ravel())[1:]
        if sizes.max() < smallest:
            continue
        number += 1
        tidy[window][pieces == sizes.argmax() + 1] = number
    return tidy
