"""A sample of the foreground pixels of a case, on which patches are centred.

The sample has pixels of every object. Centring a patch on an object therefore takes no search
in the label maps, and works for a volume that stays on disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from septum.data.store import VOID

# Enough pixels for a patch to land anywhere on an object. A stuff region or a semantic class
# may be of any extent, hence more of them.
MAX_PIXELS_PER_THING = 64
MAX_PIXELS_PER_CLASS = 4096
# Voxels read at once, which bounds the memory that a volume on disk takes.
SLAB_VOXELS = 2**24


@dataclass(frozen=True)
class Foreground:
    """A sample of the pixels of every object of a case.

    Parameters
    ----------
    shape : tuple of int
        Spatial shape of the case.
    positions : ndarray of int64, shape (m,)
        Flat indices of the sampled pixels, object by object, objects ordered by class.
    starts : ndarray of int64, shape (objects + 1,)
        Where each object's pixels begin in ``positions``.
    classes : ndarray of int64, shape (objects,)
        The class of each object, ascending.
    """

    shape: tuple[int, ...]
    positions: np.ndarray
    starts: np.ndarray
    classes: np.ndarray

    def draw(self, rng: np.random.Generator) -> tuple[int, ...] | None:
        """Draw a random class, then a random object of the class, then a random pixel of it.

        Returns
        -------
        tuple of int or None
            The pixel; None if the case has no object.
        """
        if not len(self.classes):
            return None
        class_id = rng.choice(np.unique(self.classes))
        first, last = np.searchsorted(self.classes, [class_id, class_id + 1])
        item = rng.integers(first, last)
        flat = self.positions[rng.integers(self.starts[item], self.starts[item + 1])]
        return tuple(int(i) for i in np.unravel_index(flat, self.shape))


def find_foreground(semantic: Any, instance: Any | None, rng: np.random.Generator) -> Foreground:
    """Sample the pixels of every object, slab by slab.

    Each pixel gets a random key, and each object keeps the pixels with the smallest keys. This
    is a uniform sample without replacement that does not depend on the size of the slabs.

    Parameters
    ----------
    semantic : array-like of int, shape (*spatial)
        Class ids, 0 for background, `septum.data.store.VOID` for no class; numpy or zarr.
    instance : array-like of int, shape (*spatial), or None
        Instance ids; pixels of a class with id 0 (stuff) count as one object of their class.
    rng : numpy.random.Generator
        Draws the keys.
    """
    shape = tuple(int(n) for n in semantic.shape)
    plane = int(np.prod(shape[1:], dtype=np.int64))
    thick = max(1, SLAB_VOXELS // max(plane, 1))
    tables = []
    for start in range(0, shape[0], thick):
        rows = slice(start, start + thick)
        classes = np.asarray(semantic[rows]).reshape(-1)
        foreground = np.flatnonzero((classes != 0) & (classes != VOID))
        ids = np.zeros(foreground.shape, np.int64)
        if instance is not None:
            ids[:] = np.asarray(instance[rows]).reshape(-1)[foreground]
        keys = rng.random(len(foreground))
        tables.append(
            _smallest(classes[foreground].astype(np.int64), ids, keys, foreground + start * plane)
        )
    if len(tables) > 1:
        tables = [_smallest(*(np.concatenate(column) for column in zip(*tables, strict=True)))]
    classes, ids, _, positions = tables[0]
    group_starts = _group_starts(classes, ids)
    starts = np.append(group_starts, len(classes)).astype(np.int64)
    return Foreground(shape, positions, starts, classes[group_starts])


def _smallest(
    classes: np.ndarray, ids: np.ndarray, keys: np.ndarray, positions: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Keep the pixels with the smallest keys of every (class, id), ordered by class and id."""
    order = np.lexsort((keys, ids, classes))
    classes, ids, keys, positions = classes[order], ids[order], keys[order], positions[order]
    group_starts = _group_starts(classes, ids)
    sizes = np.diff(np.append(group_starts, len(classes)))
    rank = np.arange(len(classes)) - np.repeat(group_starts, sizes)
    is_kept = rank < np.where(ids > 0, MAX_PIXELS_PER_THING, MAX_PIXELS_PER_CLASS)
    return classes[is_kept], ids[is_kept], keys[is_kept], positions[is_kept]


def _group_starts(classes: np.ndarray, ids: np.ndarray) -> np.ndarray:
    if not len(classes):
        return np.zeros(0, np.int64)
    changes = (np.diff(classes) != 0) | (np.diff(ids) != 0)
    return np.flatnonzero(np.concatenate(([True], changes)))
