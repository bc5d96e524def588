"""Matching of true and predicted objects, under the conventions in use.

==============  ===============  =====================
convention      IoU counts when  nothing in both maps
==============  ===============  =====================
``coco``        > threshold      NaN
``stardist``    >= threshold     0
``cellpose``    >= threshold     NaN
==============  ===============  =====================

``coco`` is that of panoptic quality (Kirillov et al., CVPR 2019, and panopticapi);
``stardist`` and ``cellpose`` are those of the packages' ``matching`` and
``metrics.average_precision``.

At a threshold of 0.5 or more an object has at most one partner, but for exact halves under
``>=``, where either half will do. Below 0.5 the assignment has the most matches and, among
those, the largest sum of IoUs over all assigned overlaps (StarDist's objective), found on the
sparse graph of overlapping pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from septum.errors import problem
from septum.metrics.overlap import OverlapTable, overlap_table
from septum.metrics.ratio import ratio

CONVENTIONS = ("coco", "stardist", "cellpose")
THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))
"""0.50, 0.55, …, 0.95: the 2018 Data Science Bowl's thresholds."""


@dataclass(frozen=True)
class Matching:
    """The outcome of matching two sets of objects.

    Attributes
    ----------
    threshold : float
        The IoU threshold.
    convention : str
        ``coco``, ``stardist`` or ``cellpose``.
    tp, fp, fn : int
        Matched pairs, predicted objects without and true objects without a partner.
        Unmatched predictions that lie more than half in the void count nowhere.
    pairs : (tp, 2) int64 array
        Ids of the true and the predicted object of each matched pair.
    ious : (tp,) float64 array
        Their intersection over union.
    """

    threshold: float
    convention: str
    tp: int
    fp: int
    fn: int
    pairs: np.ndarray
    ious: np.ndarray

    @property
    def average_precision(self) -> float:
        """TP / (TP + FP + FN), the 2018 Data Science Bowl's and StarDist's AP."""
        return self._ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def precision(self) -> float:
        """TP / (TP + FP)."""
        return self._ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """TP / (TP + FN)."""
        return self._ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN)."""
        return self._ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def mean_iou(self) -> float:
        """Mean IoU of the matched pairs."""
        return self._ratio(float(self.ious.sum()), self.tp)

    def _ratio(self, numerator: float, denominator: float) -> float:
        return ratio(numerator, denominator, 0.0 if self.convention == "stardist" else math.nan)


def match(
    true: OverlapTable | np.ndarray,
    pred: np.ndarray | None = None,
    *,
    threshold: float = 0.5,
    convention: str = "coco",
) -> Matching:
    """Match the objects of two label maps.

    Parameters
    ----------
    true, pred : integer arrays of one shape, any number of axes, 0 for background
        Or an `OverlapTable` as ``true`` alone: one pass serves many thresholds.
    threshold : float
        IoU in [0, 1).
    convention : {"coco", "stardist", "cellpose"}
        Whether an IoU equal to the threshold counts, and what empty maps give (the table of
        `septum.metrics.matching`).

    Returns
    -------
    Matching
        With ``tp``, ``fp``, ``fn``, ``pairs`` of ids, their ``ious``, and the ratios of them.

    Raises
    ------
    SeptumError
        Where the maps do not fit together, or threshold or convention is unknown.

    Examples
    --------
    Object 1 and prediction 5 share 3 of 4 pixels; object 2 is missed.

    >>> true = np.array([1, 1, 1, 1, 0, 2])
    >>> pred = np.array([5, 5, 5, 0, 0, 0])
    >>> matching = match(true, pred)
    >>> matching.tp, matching.fp, matching.fn
    (1, 0, 1)
    >>> matching.pairs, matching.ious
    (array([[1, 5]]), array([0.75]))
    """
    if convention not in CONVENTIONS:
        raise problem(
            "convention", f"cannot be {convention!r}", f"one of: {', '.join(CONVENTIONS)}"
        )
    if not 0 <= threshold < 1:
        raise problem("threshold", f"cannot be {threshold}", "give an IoU from 0 to below 1")
    table = overlap_table(true, pred)
    # thresholds come as sums like 0.6000000000000001; IoUs are ratios of pixel counts
    limit = round(float(threshold), 9)
    ious = table.ious
    good = ious > limit if convention == "coco" else ious >= limit
    chosen = _unique(table, good) if limit >= 0.5 else _assigned(table, ious, good)
    tp = int(chosen.size)
    unmatched = np.ones(table.n_pred, dtype=bool)
    unmatched[table.cols[chosen]] = False
    ids = np.stack([table.true_ids[table.rows[chosen]], table.pred_ids[table.cols[chosen]]], axis=1)
    return Matching(
        threshold=float(threshold),
        convention=convention,
        tp=tp,
        fp=int(np.count_nonzero(unmatched & ~table.mostly_void)),
        fn=table.n_true - tp,
        pairs=ids.astype(np.int64),
        ious=ious[chosen],
    )


def average_precision(
    true: OverlapTable | np.ndarray,
    pred: np.ndarray | None = None,
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    convention: str = "coco",
) -> np.ndarray:
    """Return TP / (TP + FP + FN) at each threshold.

    This is the average precision of StarDist (Schmidt et al., MICCAI 2018), Cellpose and the
    2018 Data Science Bowl, not COCO's area under a precision-recall curve.

    Parameters
    ----------
    true, pred : integer arrays of one shape, any number of axes, 0 for background
        Or an `OverlapTable` as ``true`` alone.
    thresholds : sequence of float
        IoUs in [0, 1).
    convention : {"coco", "stardist", "cellpose"}
        As in `match`; ``coco`` here means a strict threshold and NaN for empty against empty.

    Returns
    -------
    (len(thresholds),) float64 array

    Examples
    --------
    The IoU is 3/4: one hit and one miss up to there, and then two misses and a spurious object.

    >>> true = np.array([1, 1, 1, 1, 0, 2])
    >>> pred = np.array([5, 5, 5, 0, 0, 0])
    >>> average_precision(true, pred, [0.5, 0.7, 0.8])
    array([0.5, 0.5, 0. ])
    """
    table = overlap_table(true, pred)
    matches = (match(table, threshold=limit, convention=convention) for limit in thresholds)
    return np.array([matching.average_precision for matching in matches], dtype=np.float64)


def seg_score(true: OverlapTable | np.ndarray, pred: np.ndarray | None = None) -> float:
    """Return SEG, the segmentation measure of the Cell Tracking Challenge.

    For every true object the Jaccard index with the one predicted object that covers more than
    half of it, 0 where there is none; averaged over the true objects (Maška et al.,
    Bioinformatics 2014; the "IoU" of the U-Net paper's cell tables). Spurious objects do not
    count.

    Parameters
    ----------
    true, pred : integer arrays of one shape, any number of axes, 0 for background
        Or an `OverlapTable` as ``true`` alone.

    Returns
    -------
    float
        NaN where there is no true object.

    Examples
    --------
    Object 1 is covered by three quarters, object 2 by half, which is not enough.

    >>> seg_score(np.array([1, 1, 1, 1, 0, 2, 2]), np.array([5, 5, 5, 0, 0, 6, 0]))
    0.375
    """
    table = overlap_table(true, pred)
    covering = 2 * table.intersections > table.true_areas[table.rows]
    return ratio(table.ious[covering].sum(), table.n_true)


def _unique(table: OverlapTable, good: np.ndarray) -> np.ndarray:
    """Return the good pairs, one an object: of exact halves the one of lowest id."""
    chosen = np.flatnonzero(good)
    chosen = chosen[np.unique(table.rows[chosen], return_index=True)[1]]
    return np.sort(chosen[np.unique(table.cols[chosen], return_index=True)[1]])


def _assigned(table: OverlapTable, ious: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Return the good pairs of the best assignment of true to predicted objects."""
    if not good.any():
        return np.empty(0, dtype=np.int64)
    n_true, n_pred = table.n_true, table.n_pred
    # the count comes first: all IoUs together weigh at most half a match
    gain = good + ious / (2 * min(n_true, n_pred))
    # each true object may also stay alone, in a column of its own, so a full matching exists;
    # costs are shifted to be positive, since a stored 0 would be read as no edge
    alone = np.arange(n_true)
    cost = csr_array(
        (
            np.concatenate([2 - gain, np.full(n_true, 2.0)]),
            (
                np.concatenate([table.rows, alone]),
                np.concatenate([table.cols, n_pred + alone]),
            ),
        ),
        shape=(n_true, n_pred + n_true),
    )
    partner = np.full(n_true, -1)
    rows, cols = min_weight_full_bipartite_matching(cost)
    partner[rows] = cols
    return np.flatnonzero(good & (partner[table.rows] == table.cols))
