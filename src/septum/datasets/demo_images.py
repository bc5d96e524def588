"""One case of each simulated dataset, drawn from a generator of random numbers."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from septum.datasets.simulation import Cells, camera, grow_cells, per_cell, texture
from septum.instances.relabel import drop_small

Drawing = tuple[np.ndarray, np.ndarray]
PIXEL_UM, PLANE_UM = 0.5, 1.5  # micrometres, of `volumes`
MIN_CELL_PX = 12  # of tissue: what is smaller is a crumb

# Of haematoxylin and eosin: the optical density of red, green and blue (Ruifrok and Johnston,
# "Quantification of histochemical staining by color deconvolution", 2001).
HAEMATOXYLIN = np.array([0.65, 0.70, 0.29])
EOSIN = np.array([0.07, 0.99, 0.11])


def draw_nuclei(rng: np.random.Generator) -> Drawing:
    """Return a uint8 image (y, x) and its uint16 instances, 160 to 192 pixels a side."""
    shape = (int(rng.integers(160, 193)), int(rng.integers(160, 193)))
    radius = rng.uniform(8.5, 12.0)
    crowd = rng.uniform(0.45, 1.0)  # from scattered groups to nearly confluent
    cells = grow_cells(
        rng,
        shape,
        count=int(crowd * np.prod(shape) / (2.6 * radius**2)),
        radius=radius,
        spacing=(1.0, 1.0),
        clustering=rng.uniform(0.3, 0.8),
    )
    light = _nuclei_light(rng, cells)
    light += _debris(rng, cells)
    haze = ndimage.gaussian_filter(light, 14)
    slope = ndimage.zoom(rng.uniform(0, 1, (3, 3)), [n / 3 for n in shape], order=2, mode="nearest")
    vignette = 1 - 0.25 * rng.random() * sum(
        x**2 for x in np.meshgrid(*_unit(shape), indexing="ij")
    )
    background = rng.uniform(0.03, 0.10) * (0.5 + slope)
    recorded = camera(
        rng,
        (light + rng.uniform(0.15, 0.35) * haze + background) * vignette,
        blur=(rng.uniform(0.8, 1.4),) * 2,
        photons=10 ** rng.uniform(1.7, 2.4),
        read_noise=rng.uniform(0.5, 2.0),
    )
    exposure = rng.uniform(120, 235) / np.percentile(recorded, 99.5)
    image = np.clip(recorded * exposure + rng.uniform(4, 12), 0, 255).astype(np.uint8)
    return image, cells.labels


def draw_tissue(rng: np.random.Generator) -> Drawing:
    """Return a uint8 RGB image (y, x, 3) and its uint16 panoptic labels."""
    shape = (176, 176)
    lumen, gland = _glands(rng, shape)
    ring = np.abs(gland - 0.62) < 0.22  # epithelial nuclei sit in a ring around the lumen
    epithelial = grow_cells(
        rng, shape, count=420, radius=5.2, spacing=(1, 1), clustering=0.35, forbidden=~ring
    )
    loose = grow_cells(
        rng,
        shape,
        count=75,
        radius=3.6,
        spacing=(1, 1),
        clustering=0.15,
        elongation=2.6,
        forbidden=gland < 1.12,
    )
    stroma = gland > 1.0
    instance = np.where(lumen | stroma, 0, epithelial.labels).astype(np.uint16)
    free = (instance == 0) & stroma
    instance = np.where(free & (loose.labels > 0), loose.labels + epithelial.count, instance)
    depth = np.maximum(epithelial.depth, loose.depth)
    labels, _ = drop_small(instance, MIN_CELL_PX)
    cells = Cells(labels.astype(np.uint16), np.where(instance > 0, depth, 0.0))
    image = _stain(rng, cells, stroma, lumen)
    labels = np.select(
        [cells.labels > 0, stroma, lumen], [1000 + cells.labels.astype(int), 2000, 3000]
    )
    return image, labels.astype(np.uint16)


def draw_volumes(rng: np.random.Generator) -> Drawing:
    """Return an int16 image (z, y, x) and its uint16 instances."""
    shape = (24, 64, 64)
    spacing = (PLANE_UM, PIXEL_UM, PIXEL_UM)
    cells = grow_cells(rng, shape, count=120, radius=4.6, spacing=spacing, clustering=0.6)
    light = _chromatin(rng, cells, (0.5, 1.2, 1.2), rim=0.5, spread=0.25)
    deeper = np.exp(-0.3 * np.linspace(0, 1, shape[0])).reshape(-1, 1, 1)
    haze = ndimage.gaussian_filter(light, (2, 8, 8))
    seen = camera(
        rng,
        (light + 0.2 * haze + 0.05) * deeper,
        blur=(0.6, 0.8, 0.8),
        photons=rng.uniform(60, 140),
        read_noise=1.5,
    )
    image = np.clip(seen * rng.uniform(900, 1500) + 110, 0, 4095).astype(np.int16)
    return image, cells.labels


def _nuclei_light(rng: np.random.Generator, cells: Cells) -> np.ndarray:
    light = _chromatin(rng, cells, (1.3, 1.3), rim=0.35, spread=0.42)
    # a few lie out of focus, a few divide: dense and bright
    blurred = rng.random(cells.count) < 0.08
    soft = ndimage.gaussian_filter(light * per_cell(blurred, cells), 2.2)
    dividing = 1 + 0.9 * (rng.random(cells.count) < 0.04)
    return light * per_cell((1 - blurred) * dividing, cells) + soft


def _chromatin(
    rng: np.random.Generator,
    cells: Cells,
    grain: tuple[float, ...],
    *,
    rim: float,
    spread: float,
) -> np.ndarray:
    """Return the light of cells: brightness by cell, thinner at the rim, granular, nucleoli."""
    shape = cells.labels.shape
    thickness = np.clip(cells.depth, 0, 1) ** rim
    coarse = [3 * g for g in grain]
    grains = 1 + 0.16 * texture(rng, shape, grain) + 0.14 * texture(rng, shape, coarse)
    nucleoli = texture(rng, shape, [1.6 * g for g in grain]) > 2.1
    grains *= 1 - 0.35 * ndimage.gaussian_filter(nucleoli.astype(float), 0.7)
    brightness = np.clip(rng.lognormal(-0.5, spread, cells.count), 0.2, 1.6)
    return per_cell(brightness, cells) * thickness * np.clip(grains, 0.2, None)


def _debris(rng: np.random.Generator, cells: Cells) -> np.ndarray:
    """Return specks that are no nuclei: small, some of them bright."""
    light = np.zeros(cells.labels.shape)
    count = rng.poisson(3)
    free = np.argwhere(ndimage.distance_transform_edt(cells.labels == 0) > 5)
    if len(free):
        for y, x in free[rng.integers(len(free), size=count)]:
            light[y, x] += rng.uniform(2, 9)
    return ndimage.gaussian_filter(light, 1.1)


def _glands(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the lumen, and the distance from the nearest gland's centre (1 is its outline)."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    y += 6 * texture(rng, shape, (18, 18))
    x += 6 * texture(rng, shape, (18, 18))
    distance = np.full(shape, np.inf)
    for corner in ((0.25, 0.3), (0.72, 0.2), (0.3, 0.8), (0.78, 0.72)):
        centre = (np.array(corner) + rng.normal(0, 0.07, 2)) * shape
        radius, ratio, angle = rng.uniform(30, 43), rng.uniform(0.65, 1), rng.uniform(0, np.pi)
        dy, dx = y - centre[0], x - centre[1]
        along, across = (
            dy * np.cos(angle) + dx * np.sin(angle),
            dx * np.cos(angle) - dy * np.sin(angle),
        )
        distance = np.minimum(distance, np.hypot(along, across / ratio) / radius)
    return distance < 0.32, distance


def _stain(
    rng: np.random.Generator, cells: Cells, stroma: np.ndarray, lumen: np.ndarray
) -> np.ndarray:
    """Return the RGB image of a section: light absorbed by two stains (Beer and Lambert)."""
    shape = cells.labels.shape
    fibres = np.sin(
        (np.mgrid[: shape[0], : shape[1]].sum(axis=0) + 9 * texture(rng, shape, (9, 9))) / 2.6
    )
    eosin = np.where(stroma, 0.42 + 0.13 * fibres, 0.30) + 0.05 * texture(rng, shape, (1.2, 1.2))
    eosin[lumen] = 0.03
    violet = np.clip(rng.normal(0.95, 0.22, cells.count), 0.45, 1.5)
    haematoxylin = per_cell(violet, cells) * (0.75 + 0.25 * cells.depth)
    haematoxylin *= np.clip(1 + 0.22 * texture(rng, shape, (1.0, 1.0)), 0.3, None)
    haematoxylin += np.where(lumen, 0.0, 0.07)
    density = [
        ndimage.gaussian_filter(np.clip(stain, 0, None), 0.8) for stain in (haematoxylin, eosin)
    ]
    absorbed = density[0][..., None] * HAEMATOXYLIN + density[1][..., None] * EOSIN
    light = np.exp(-absorbed * rng.uniform(0.9, 1.2)) * rng.uniform(0.93, 0.98)
    noisy = light + rng.normal(0, 0.012, light.shape)
    return np.clip(noisy * 255, 0, 255).astype(np.uint8)


def _unit(shape: tuple[int, ...]) -> list[np.ndarray]:
    return [np.linspace(-1, 1, n) for n in shape]
