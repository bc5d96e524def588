"""Semantic scores from one confusion matrix (definitions of FCN: Long et al., CVPR 2015).

With n_ij pixels of true class i predicted as j, t_i = Σ_j n_ij and p_i = Σ_j n_ji:

- IoU_i = n_ii / (t_i + p_i − n_ii), Dice_i = 2 n_ii / (t_i + p_i), accuracy_i = n_ii / t_i
- pixel accuracy = Σ n_ii / Σ t_i; mean accuracy, mean IoU: means over the classes;
  frequency-weighted IoU = Σ t_i IoU_i / Σ t_i

A score without a denominator is NaN and left out of means.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from septum.metrics.pairs import ID_BITS, PairCounts, count_pairs
from septum.metrics.ratio import mean, ratio, ratios


@dataclass(frozen=True)
class Confusion:
    """Pixels by true and predicted class; matrices of the same classes may be added.

    Attributes
    ----------
    classes : (k,) int64 array
        Class ids, ascending, 0 for background.
    counts : (k, k) int64 array
        ``counts[i, j]``: pixels of true class ``classes[i]`` predicted as ``classes[j]``.
    """

    classes: np.ndarray
    counts: np.ndarray

    @classmethod
    def from_labels(
        cls,
        true: np.ndarray,
        pred: np.ndarray,
        classes: Iterable[int] = (),
        void: np.ndarray | None = None,
    ) -> Confusion:
        """Make the matrix of two class maps of one shape, any number of axes.

        Parameters
        ----------
        true, pred : integer arrays
        classes : iterable of int
            Classes to name even where they do not occur.
        void : bool array, optional
            Pixels to leave out.

        Examples
        --------
        >>> confusion = Confusion.from_labels(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]))
        >>> confusion.counts
        array([[1, 1],
               [0, 2]])
        >>> confusion.iou.round(2), confusion.pixel_accuracy
        (array([0.5 , 0.67]), 0.75)
        """
        return cls._make(count_pairs(true, pred, void), 0, classes)

    @classmethod
    def from_segments(cls, pairs: PairCounts, classes: Iterable[int] = ()) -> Confusion:
        """Make the matrix from the pair counts of two `Segments`."""
        return cls._make(pairs, ID_BITS, classes)

    @classmethod
    def _make(cls, pairs: PairCounts, shift: int, classes: Iterable[int]) -> Confusion:
        true = (pairs.true >> np.uint64(shift)).astype(np.int64)
        pred = (pairs.pred >> np.uint64(shift)).astype(np.int64)
        ids = np.unique(np.concatenate([true, pred, np.fromiter(classes, np.int64)]))
        counts = np.zeros((ids.size, ids.size), dtype=np.int64)
        np.add.at(counts, (np.searchsorted(ids, true), np.searchsorted(ids, pred)), pairs.pixels)
        return cls(ids, counts)

    def __add__(self, other: Confusion) -> Confusion:
        ids = np.union1d(self.classes, other.classes)
        counts = np.zeros((ids.size, ids.size), dtype=np.int64)
        for part in (self, other):
            at = np.searchsorted(ids, part.classes)
            counts[np.ix_(at, at)] += part.counts
        return Confusion(ids, counts)

    @property
    def intersection(self) -> np.ndarray:
        """Pixels right in each class, (k,) int64."""
        return np.diagonal(self.counts)

    @property
    def true_pixels(self) -> np.ndarray:
        """Pixels of each true class, (k,) int64."""
        return self.counts.sum(axis=1)

    @property
    def pred_pixels(self) -> np.ndarray:
        """Pixels of each predicted class, (k,) int64."""
        return self.counts.sum(axis=0)

    @property
    def union(self) -> np.ndarray:
        """Pixels of each class in either map, (k,) int64."""
        return self.true_pixels + self.pred_pixels - self.intersection

    @property
    def iou(self) -> np.ndarray:
        """Intersection over union of each class; NaN where it is in neither map."""
        return ratios(self.intersection, self.union)

    @property
    def dice(self) -> np.ndarray:
        """Dice coefficient of each class; NaN where it is in neither map."""
        return ratios(2 * self.intersection, self.true_pixels + self.pred_pixels)

    @property
    def accuracy(self) -> np.ndarray:
        """Part of each true class that is right; NaN where there is none of it."""
        return ratios(self.intersection, self.true_pixels)

    @property
    def pixel_accuracy(self) -> float:
        """Part of all pixels that is right, background included."""
        return ratio(self.intersection.sum(), self.counts.sum())

    @property
    def mean_accuracy(self) -> float:
        """Mean accuracy over the true classes, background included."""
        return mean(self.accuracy)

    @property
    def mean_iou(self) -> float:
        """Mean IoU over the classes of either map, background included."""
        return mean(self.iou)

    @property
    def frequency_weighted_iou(self) -> float:
        """IoU weighted by the true pixels of each class, background included."""
        present = self.true_pixels > 0
        weighted = self.true_pixels[present] * self.iou[present]
        return ratio(weighted.sum(), self.true_pixels.sum())
