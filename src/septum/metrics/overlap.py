"""The overlap table: objects, their areas, and the pairs that share pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from septum.metrics.pairs import ID_BITS, PairCounts, count_pairs

_ID_MASK = np.uint64((1 << ID_BITS) - 1)


@dataclass(frozen=True)
class OverlapTable:
    """Sparse table of the pixels that true and predicted objects share.

    Void pixels are in no area and no intersection, so that they are out of every union.

    Attributes
    ----------
    true_ids, pred_ids : (n,) and (m,) uint32 arrays
        The objects' ids as in the label maps; 0 for a stuff segment.
    true_classes, pred_classes : (n,) and (m,) int64 arrays
        Their classes; 0 where the table was made from plain label maps.
    true_areas, pred_areas : (n,) and (m,) int64 arrays
        Pixels outside the void.
    pred_void : (m,) int64 array
        Pixels of each predicted object inside the void.
    rows, cols : (k,) int64 arrays
        The overlapping pairs, as positions in ``true_ids`` and ``pred_ids``, sorted.
    intersections : (k,) int64 array
        Shared pixels of each pair; at least 1.
    """

    true_ids: np.ndarray
    pred_ids: np.ndarray
    true_classes: np.ndarray
    pred_classes: np.ndarray
    true_areas: np.ndarray
    pred_areas: np.ndarray
    pred_void: np.ndarray
    rows: np.ndarray
    cols: np.ndarray
    intersections: np.ndarray

    @classmethod
    def from_labels(
        cls, true: np.ndarray, pred: np.ndarray, void: np.ndarray | None = None
    ) -> OverlapTable:
        """Make the table of two label maps in one pass.

        Parameters
        ----------
        true, pred : boolean or integer arrays of one shape, any number of axes
            Ids up to 2³² − 1, with any gaps; 0 for background.
        void : bool array of that shape, optional
            Pixels that are neither right nor wrong.

        Raises
        ------
        SeptumError
            Where shapes differ or a map holds no valid labels.

        Examples
        --------
        Objects 1 and 5 share two of the four pixels that they cover together.

        >>> true, pred = np.array([1, 1, 1, 0, 2]), np.array([0, 5, 5, 5, 0])
        >>> table = OverlapTable.from_labels(true, pred)
        >>> table.true_ids, table.true_areas
        (array([1, 2], dtype=uint32), array([3, 1]))
        >>> table.rows, table.cols, table.intersections, table.ious
        (array([0]), array([0]), array([2]), array([0.5]))
        """
        return cls.from_pairs(count_pairs(true, pred, void))

    @classmethod
    def from_pairs(cls, pairs: PairCounts, things: Iterable[int] = ()) -> OverlapTable:
        """Make the table from pair counts; in the classes ``things``, id 0 is no object."""
        unsegmented = [np.uint64(thing) << np.uint64(ID_BITS) for thing in things]
        nothing = np.array([0, *unsegmented], dtype=np.uint64)
        true = np.setdiff1d(pairs.true, nothing)
        pred = np.setdiff1d(np.concatenate([pairs.pred, pairs.void_pred]), nothing)
        in_true, in_pred = np.isin(pairs.true, true), np.isin(pairs.pred, pred)
        both = in_true & in_pred
        return cls(
            true_ids=(true & _ID_MASK).astype(np.uint32),
            pred_ids=(pred & _ID_MASK).astype(np.uint32),
            true_classes=(true >> np.uint64(ID_BITS)).astype(np.int64),
            pred_classes=(pred >> np.uint64(ID_BITS)).astype(np.int64),
            true_areas=_sums(true, pairs.true, pairs.pixels),
            pred_areas=_sums(pred, pairs.pred, pairs.pixels),
            pred_void=_sums(pred, pairs.void_pred, pairs.void_pixels),
            rows=np.searchsorted(true, pairs.true[both]),
            cols=np.searchsorted(pred, pairs.pred[both]),
            intersections=pairs.pixels[both],
        )

    @property
    def n_true(self) -> int:
        """Number of true objects."""
        return self.true_ids.size

    @property
    def n_pred(self) -> int:
        """Number of predicted objects."""
        return self.pred_ids.size

    @property
    def ious(self) -> np.ndarray:
        """Intersection over union of each pair, (k,) float64."""
        union = self.true_areas[self.rows] + self.pred_areas[self.cols] - self.intersections
        return self.intersections / union

    @property
    def true_shares(self) -> np.ndarray:
        """Part of the pair's true object that is shared, (k,) float64."""
        return self.intersections / self.true_areas[self.rows]

    @property
    def pred_shares(self) -> np.ndarray:
        """Part of the pair's predicted object that is shared, (k,) float64."""
        return self.intersections / self.pred_areas[self.cols]

    @property
    def mostly_void(self) -> np.ndarray:
        """Whether more than half of each predicted object lies in the void, (m,) bool."""
        return self.pred_void > self.pred_areas

    def same_class(self) -> OverlapTable:
        """Return the table without the pairs of unlike classes; objects and areas stay."""
        keep = self.true_classes[self.rows] == self.pred_classes[self.cols]
        everything = slice(None)
        return self._take(everything, everything, self.rows, self.cols, keep)

    def of_classes(self, classes: Iterable[int]) -> OverlapTable:
        """Return the table of the objects of some classes."""
        wanted = np.array(sorted(classes), dtype=np.int64)
        true, pred = np.isin(self.true_classes, wanted), np.isin(self.pred_classes, wanted)
        rows, cols = np.cumsum(true) - 1, np.cumsum(pred) - 1
        keep = true[self.rows] & pred[self.cols]
        return self._take(true, pred, rows[self.rows], cols[self.cols], keep)

    def _take(
        self,
        true: np.ndarray | slice,
        pred: np.ndarray | slice,
        rows: np.ndarray,
        cols: np.ndarray,
        keep: np.ndarray,
    ) -> OverlapTable:
        """Keep some objects, and of the renumbered pairs those that are wanted."""
        return OverlapTable(
            true_ids=self.true_ids[true],
            pred_ids=self.pred_ids[pred],
            true_classes=self.true_classes[true],
            pred_classes=self.pred_classes[pred],
            true_areas=self.true_areas[true],
            pred_areas=self.pred_areas[pred],
            pred_void=self.pred_void[pred],
            rows=rows[keep],
            cols=cols[keep],
            intersections=self.intersections[keep],
        )


def overlap_table(true: OverlapTable | np.ndarray, pred: np.ndarray | None) -> OverlapTable:
    """Return a table as it is, or make one of two label maps.

    Raises
    ------
    TypeError
        Where a table comes with a second map, or a map without one.

    Examples
    --------
    >>> table = overlap_table(np.array([1, 1, 0, 2]), np.array([1, 0, 0, 0]))
    >>> table.n_true, table.n_pred, table.ious
    (2, 1, array([0.5]))
    """
    if isinstance(true, OverlapTable):
        if pred is not None:
            raise TypeError("an OverlapTable holds both maps: give no second argument")
        return true
    if pred is None:
        raise TypeError("give the predicted labels, or an OverlapTable alone")
    return OverlapTable.from_labels(true, pred)


def _sums(objects: np.ndarray, codes: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Add up the pixels of each object's code; codes of no object are passed over."""
    is_object = np.isin(codes, objects)
    sums = np.zeros(objects.size, dtype=np.int64)
    np.add.at(sums, np.searchsorted(objects, codes[is_object]), pixels[is_object])
    return sums
