"""One pass over two label maps: how many pixels carry each pair of labels.

Every overlap score is a function of these few counts, so the pixels are read once and an
(objects × objects) array is never made. Equal neighbours are counted as a run, and only the
end of a run touches the hash table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from septum.errors import problem
from septum.jit import compiled

ID_BITS = 32
"""A code is ``class << ID_BITS | id``: ids fit in 32 bits."""

_BLOCK = 1 << 20  # pixels at a time, so that the converted copies stay small


class CodeMap(Protocol):
    """A map whose pixels carry unsigned codes, 0 for nothing, and can be counted."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The map's shape."""

    def codes(self, rows: slice) -> np.ndarray:
        """Return the codes, uint32 or uint64, of a range along the first axis."""


class LabelMap:
    """A label map, 0 for background, as a code map of class 0.

    Parameters
    ----------
    labels : array-like, any shape, boolean or integer
        Ids from 0 to 2³² − 1, in any order and with any gaps.
    name : str
        What errors call it.

    Raises
    ------
    SeptumError
        Where the labels are not integers, are negative, or need more than 32 bits.
    """

    def __init__(self, labels: np.ndarray, name: str) -> None:
        self.labels = labels if hasattr(labels, "dtype") else np.asarray(labels)
        self.name = name
        if self.labels.dtype.kind not in "bui":
            what = f"is of type {self.labels.dtype}, and labels are integers"
            raise problem(self.name, what, "give an integer label map (0 for background)")

    @property
    def shape(self) -> tuple[int, ...]:
        """The map's shape."""
        return tuple(self.labels.shape)

    def codes(self, rows: slice) -> np.ndarray:
        """Return the ids, uint32, of a range along the first axis."""
        block = np.asarray(self.labels[rows])
        if block.size and block.dtype.kind == "i" and block.min() < 0:
            raise problem(
                self.name, f"holds the negative id {block.min()}", "use ids from 0 upwards"
            )
        if block.size and block.dtype.itemsize > 4 and block.max() >= 1 << ID_BITS:
            what = f"holds the id {block.max()}, and ids end at 2^{ID_BITS} - 1"
            raise problem(self.name, what, "relabel the objects")
        return block.astype(np.uint32, copy=False)


@dataclass(frozen=True)
class PairCounts:
    """Number of pixels of each pair of codes, sorted by (true, pred).

    Attributes
    ----------
    true, pred : (n,) uint64 arrays
        The pairs that occur outside the void, 0 for background included.
    pixels : (n,) int64 array
        Pixels of each pair.
    void_pred, void_pixels : (m,) uint64 and int64 arrays
        Pixels of each predicted code inside the void.
    """

    true: np.ndarray
    pred: np.ndarray
    pixels: np.ndarray
    void_pred: np.ndarray
    void_pixels: np.ndarray


def count_pairs(
    true: CodeMap | np.ndarray, pred: CodeMap | np.ndarray, void: np.ndarray | None = None
) -> PairCounts:
    """Count the pixels of every pair of codes in one pass.

    Parameters
    ----------
    true, pred : code maps or integer arrays of one shape
    void : bool array of that shape, optional
        Pixels that are neither right nor wrong.

    Raises
    ------
    SeptumError
        Where shapes differ or a map holds no valid labels.

    Examples
    --------
    >>> pairs = count_pairs(np.array([0, 1, 1, 1]), np.array([0, 0, 5, 5]))
    >>> pairs.true, pairs.pred, pairs.pixels
    (array([0, 1, 1], dtype=uint64), array([0, 0, 5], dtype=uint64), array([1, 1, 2]))
    """
    true = true if hasattr(true, "codes") else LabelMap(true, "true labels")
    pred = pred if hasattr(pred, "codes") else LabelMap(pred, "predicted labels")
    shapes = {"predicted labels": pred.shape}
    if void is not None:
        void = np.asarray(void, dtype=bool)
        shapes["void mask"] = void.shape
    for name, shape in shapes.items():
        if shape != true.shape:
            what = f"has shape {shape}, the true labels have {true.shape}"
            raise problem(name, what, "compare maps of one grid")
    counted, ignored = [], []
    for rows in _blocks(true.shape):
        left, right = true.codes(rows).ravel(), pred.codes(rows).ravel()
        if void is not None:
            hidden = void[rows].ravel()
            ignored.append(_count(np.zeros_like(right[hidden]), right[hidden]))
            left, right = left[~hidden], right[~hidden]
        counted.append(_count(left, right))
    _, void_pred, void_pixels = _merge(ignored)
    return PairCounts(*_merge(counted), void_pred, void_pixels)


def _blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    step = max(1, _BLOCK // max(1, math.prod(shape[1:])))
    return (slice(start, start + step) for start in range(0, shape[0], step))


def _merge(parts: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sort the pairs of all blocks and add up those that occur in several."""
    rows = np.concatenate([np.empty((0, 3), np.uint64), *parts])
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    first = np.ones(len(rows), dtype=bool)
    first[1:] = (rows[1:, :2] != rows[:-1, :2]).any(axis=1)
    starts = np.flatnonzero(first)
    pixels = np.add.reduceat(rows[:, 2], starts) if starts.size else rows[:, 2]
    return rows[starts, 0], rows[starts, 1], pixels.astype(np.int64)


@compiled
def _slot(left, right, table):  # noqa: ANN001, ANN202 - typed by numba
    """Return the row where a pair is, or belongs, in the open-addressing table."""
    mixed = (left * np.uint64(0x9E3779B97F4A7C15)) ^ (right * np.uint64(0xC2B2AE3D27D4EB4F))
    mixed ^= mixed >> np.uint64(29)
    last = len(table) - 1
    slot = np.int64(mixed & np.uint64(last))
    while table[slot, 2] != 0 and (table[slot, 0] != left or table[slot, 1] != right):
        slot = (slot + 1) & last
    return slot


@compiled
def _count(left, right):  # noqa: ANN001, ANN202 - typed by numba
    """Count the pairs of two unsigned vectors, run by run.

    Returns rows of (left, right, pixels), uint64, in no order. A row of the hash table lies in
    one cache line; the table grows fourfold when half full.
    """
    table = np.zeros((1 << 12, 3), np.uint64)  # a power of two: the hash is cut by a mask
    used = 0
    i = 0
    while i < left.size:
        a, b = left[i], right[i]
        end = i + 1
        while end < left.size and left[end] == a and right[end] == b:
            end += 1
        slot = _slot(np.uint64(a), np.uint64(b), table)
        if table[slot, 2] == 0:
            table[slot, 0], table[slot, 1] = a, b
            used += 1
        table[slot, 2] += np.uint64(end - i)
        i = end
        if 2 * used > len(table):
            old = table
            table = np.zeros((4 * len(old), 3), np.uint64)
            for k in np.flatnonzero(old[:, 2]):
                table[_slot(old[k, 0], old[k, 1], table)] = old[k]
    return table[table[:, 2] != 0]
