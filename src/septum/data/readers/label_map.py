"""Label maps: whole numbers, renumbered, and split into classes and objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from septum.errors import problem

DIVISOR = 1000  # panoptic: class × 1000 + object
_TABLE = 2**24  # numbers up to here are renumbered by a table, in one pass


def whole_numbers(labels: np.ndarray, path: Path) -> np.ndarray:
    """Return labels as uint32 (uint64 where they are larger).

    Parameters
    ----------
    labels : array (*spatial)
        Any real dtype; floats must hold whole numbers exactly.
    path : Path
        Where they are from, for the error.

    Raises
    ------
    SeptumError
        If one is fractional, not finite, or negative.
    """
    if labels.dtype.kind == "f":
        odd = labels[~(np.isfinite(labels) & (labels == np.floor(labels)))]
        if odd.size:
            what = f"holds labels that are no whole numbers ({odd[0]:g} at {odd.size} pixels)"
            remedy = "save object or class numbers as integers (nearest neighbour, if resampled)"
            raise problem(path, what, remedy)
    elif labels.dtype.kind not in "uib":
        remedy = "save object or class numbers as integers"
        raise problem(path, f"holds labels of type {labels.dtype}", remedy)
    lowest = int(labels.min()) if labels.size else 0
    highest = int(labels.max()) if labels.size else 0
    if lowest < 0:
        count = int((labels < 0).sum())
        what = f"holds negative labels ({lowest} and {count} pixels below 0)"
        raise problem(path, what, "number objects and classes from 1, and background 0")
    if highest >= 2**63:
        what = f"holds labels up to {highest}"
        raise problem(path, what, "number objects and classes from 1")
    return labels.astype(np.uint32 if highest < 2**32 else np.uint64)


def renumber(labels: np.ndarray) -> tuple[np.ndarray, int]:
    """Give objects the numbers 1…n in the order of their ids; 0 stays background.

    Pieces that share an id stay one object.

    Parameters
    ----------
    labels : array (*spatial) of unsigned int

    Returns
    -------
    array (*spatial) of uint32
    int
        How many objects there are.
    """
    if not labels.size or labels.max() < _TABLE:
        present = np.zeros(int(labels.max(initial=0)) + 1, bool)
        present[labels] = True
        present[0] = False
        table = np.where(present, np.cumsum(present, dtype=np.uint32), np.uint32(0))
        return table[labels], int(present.sum())
    ids = np.unique(labels)
    ids = ids[ids > 0]
    new = np.searchsorted(ids, labels) + 1
    return np.where(labels > 0, new, 0).astype(np.uint32), int(ids.size)


def split_panoptic(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split numbers of ``class × 1000 + object`` into classes and objects (0 is none).

    Returns
    -------
    classes : array (*spatial)
    objects : array (*spatial)
        The whole number where its object part is not 0, so that objects of two classes
        keep two ids.
    """
    return labels // DIVISOR, np.where(labels % DIVISOR > 0, labels, 0)
