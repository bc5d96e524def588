"""Measurements on a single case: its size, intensities, objects and classes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from skimage.measure import label

from septum.data.store import VOID, Case
from septum.data.store_attributes import IntensityStatistics, LabelCounts
from septum.seeds import rng

MIN_FOREGROUND_SAMPLES = 1_000


@dataclass(frozen=True)
class CaseFacts:
    """The measurements on one case.

    Parameters
    ----------
    name : str
    size : tuple of int
        Pixels along each spatial axis.
    spacing : tuple of float
        Size of a pixel along each spatial axis, in ``unit``.
    unit : str
    channels : int
    dtype, reader : str
    statistics : IntensityStatistics
        Intensity statistics of the whole image, per channel (`septum.data.intensity.statistics`).
    label_counts : LabelCounts
        Counts made while the labels were read.
    class_pixels : dict of int to int
        Number of pixels of each class, including background (0) and excluding void; empty if
        there are no labels.
    thing_classes : frozenset of int
        Classes that have instances.
    object_pixels : ndarray of int64, shape (objects,), or None
        Number of pixels of each object; None if single objects are not annotated.
    touching : int
        Number of objects that touch another one (full connectivity).
    multipart : int
        Number of objects that consist of several pieces.
    foreground : ndarray of float64, shape (channels, samples)
        Intensities of randomly drawn foreground pixels.
    """

    name: str
    size: tuple[int, ...]
    spacing: tuple[float, ...]
    unit: str
    channels: int
    dtype: str
    reader: str
    statistics: IntensityStatistics
    label_counts: LabelCounts
    class_pixels: dict[int, int]
    thing_classes: frozenset[int]
    object_pixels: np.ndarray | None
    touching: int
    multipart: int
    foreground: np.ndarray

    @property
    def annotated(self) -> bool:
        """Whether the case has labels."""
        return bool(self.class_pixels)

    @property
    def amount(self) -> float:
        """Amount of annotation: the number of objects or, without objects, of foreground pixels."""
        if self.object_pixels is not None:
            return float(self.object_pixels.size)
        return float(sum(n for index, n in self.class_pixels.items() if index != 0))


def measure(case: Case, *, sample: int = MIN_FOREGROUND_SAMPLES) -> CaseFacts:
    """Measure one case.

    Parameters
    ----------
    case : Case
        Its arrays may be in memory or lazy; each is read once.
    sample : int
        Number of foreground pixels to draw, for the intensities of the foreground.

    Returns
    -------
    CaseFacts
    """
    channels, *size = case.image.shape
    class_pixels: dict[int, int] = {}
    things: frozenset[int] = frozenset()
    foreground = np.zeros((channels, 0))
    object_pixels, touching, multipart = None, 0, 0
    if case.semantic is not None:
        semantic = np.asarray(case.semantic)
        void = semantic == VOID
        semantic = np.where(void, 0, semantic)
        counts = np.bincount(semantic.ravel())
        counts[0] -= np.count_nonzero(void)
        class_pixels = {int(i): int(counts[i]) for i in np.flatnonzero(counts)}
        foreground = _sample_foreground(case, semantic, sample)
        if case.instance is not None:
            instance = np.asarray(case.instance)
            ids = np.bincount(instance.ravel())
            ids[0] = 0
            object_pixels = ids[ids > 0].astype(np.int64)
            touching = int(touching_objects(instance).sum())
            multipart = int((pieces(instance)[1:] > 1).sum())
            # pixels between objects may belong to a stuff class, but those of objects do not
            things = frozenset(int(i) for i in np.unique(semantic[instance > 0]) if i != 0)
    return CaseFacts(
        name=case.name,
        size=tuple(size),
        spacing=tuple(case.geometry.spacing),
        unit=case.geometry.unit,
        channels=channels,
        dtype=str(np.dtype(case.image.dtype)),
        reader=str(case.geometry.source.get("reader", "")),
        statistics=case.statistics,
        label_counts=case.label_counts,
        class_pixels=class_pixels,
        thing_classes=things,
        object_pixels=object_pixels,
        touching=touching,
        multipart=multipart,
        foreground=foreground,
    )


def touching_objects(instance: np.ndarray) -> np.ndarray:
    """Find the objects that touch another one.

    Parameters
    ----------
    instance : ndarray of int, shape (*spatial)
        Instance ids, 0 is background.

    Returns
    -------
    ndarray of bool, shape (highest id + 1,)
        True for each id with a pixel that is adjacent to a pixel of another id (full
        connectivity: sides, edges and corners).
    """
    touches = np.zeros(int(instance.max(initial=0)) + 1, dtype=bool)
    for pixels, neighbours in _neighbours(instance):
        # most pixels equal their neighbour, so that few are left
        differs = pixels != neighbours
        a, b = pixels[differs], neighbours[differs]
        are_objects = (a != 0) & (b != 0)
        touches[a[are_objects]] = True
        touches[b[are_objects]] = True
    return touches


def pieces(instance: np.ndarray) -> np.ndarray:
    """Count the connected pieces (full connectivity) of each object.

    Parameters
    ----------
    instance : ndarray of int, shape (*spatial)
        Instance ids, 0 is background.

    Returns
    -------
    ndarray of int, shape (highest id + 1,)
    """
    parts = label(instance, background=0, connectivity=instance.ndim)
    owner = np.zeros(int(parts.max(initial=0)) + 1, dtype=np.int64)
    owner[parts.ravel()] = instance.ravel()
    return np.bincount(owner[1:], minlength=int(instance.max(initial=0)) + 1)


def _neighbours(array: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs of views that align pixels with their neighbours, each pair of pixels once."""
    for offset in itertools.product((-1, 0, 1), repeat=array.ndim):
        if offset > (0,) * array.ndim:
            steps = list(zip(offset, array.shape, strict=True))
            pixels = tuple(slice(max(0, -o), n - max(0, o)) for o, n in steps)
            neighbours = tuple(slice(max(0, o), n - max(0, -o)) for o, n in steps)
            yield array[pixels], array[neighbours]


def _sample_foreground(case: Case, semantic: np.ndarray, sample: int) -> np.ndarray:
    inside = np.flatnonzero(semantic)
    if inside.size > sample:
        drawn = rng("foreground", case.name).choice(inside.size, sample, replace=False)
        inside = inside[np.sort(drawn)]
    image = np.asarray(case.image)
    return image.reshape(image.shape[0], -1)[:, inside].astype(np.float64)
