"""Average precision as COCO defines it: the area under a precision-recall curve of scores.

Predicted objects are matched in the order of their scores: each takes the free true object of its
class and case with the highest IoU, if that reaches the threshold. Precision over the pooled
objects of all cases is made monotone and read off at 101 recalls; its mean is AP at that
threshold, and the mean over IoU 0.50:0.05:0.95 is AP (Lin et al., ECCV 2014). The values are those
of pycocotools' ``COCOeval``. Three settings differ from COCO's: there is no cap on the number of
detections, ranges of area follow the data (`area_ranges`), and void pixels
(`septum.metrics.overlap`) take the place of crowd regions.

Objects of equal score keep the order of their cases and ids, as in pycocotools: where a method
gives no scores at all, AP depends on that order a little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from septum.jit import compiled
from septum.metrics.objects import ScoredObjects
from septum.metrics.ratio import means

IOUS = np.linspace(0.5, 0.95, 10)
"""The thresholds, rounded as pycocotools' are: 0.6000000000000001 is one of them."""
RECALLS = np.linspace(0.0, 1.0, 101)
ANY_AREA = (0.0, np.inf)
_FALSE, _TRUE, _IGNORED = 0, 1, 2


@dataclass(frozen=True)
class CocoPrecision:
    """Average precision by resample, class and threshold.

    Attributes
    ----------
    classes : (c,) int64 array
        Those that occur.
    values : (b, c, 10) float64 array
        At each of `IOUS`; NaN where a class has no true object.
    """

    classes: np.ndarray
    values: np.ndarray

    @property
    def ap(self) -> np.ndarray:
        """Mean over thresholds and classes, (b,)."""
        return means(self.values.mean(axis=2), axis=1)

    def at(self, threshold: float) -> np.ndarray:
        """Mean over classes at one of the thresholds, (b,)."""
        (position,) = np.flatnonzero(np.isclose(IOUS, threshold))
        return means(self.values[:, :, position], axis=1)

    def of_class(self, class_id: int) -> CocoPrecision:
        """Return that of one class, NaN where it does not occur."""
        chosen = self.values[:, self.classes == class_id]
        if not chosen.shape[1]:
            chosen = np.full((len(self.values), 1, IOUS.size), np.nan)
        return CocoPrecision(np.array([class_id]), chosen)


def coco_precision(
    objects: ScoredObjects,
    kind: str = "mask",
    area: tuple[float, float] = ANY_AREA,
    weights: np.ndarray | None = None,
) -> CocoPrecision:
    """Return COCO's average precision of the objects of some cases.

    Parameters
    ----------
    objects : ScoredObjects
    kind : {"mask", "box"}
        What overlaps.
    area : (float, float)
        Pixels of a true object's mask, both ends included. Smaller and larger true objects are
        neither found nor missed, nor are unmatched predictions of another area wrong (of boxes:
        the area of the box).
    weights : (b, cases) float array, optional
        How often each case counts, for resamples of the cases; once by default.

    Returns
    -------
    CocoPrecision

    Examples
    --------
    One of two objects is found, and nothing else: the precision is 1 up to a recall of ½, at 51 of
    the 101 recalls.

    >>> from septum.metrics.objects import scored_objects
    >>> from septum.metrics.overlap import OverlapTable
    >>> true, pred = np.array([1, 1, 0, 2]), np.array([1, 1, 0, 0])
    >>> table = OverlapTable.from_labels(true, pred)
    >>> objects = scored_objects(table, (true > 0, true), (pred > 0, pred))
    >>> coco_precision(objects).values[0, 0, 0].round(3)  # 51 / 101
    np.float64(0.505)
    """
    classes = np.union1d(objects.true_classes, objects.pred_classes)
    if weights is None:
        last = max(objects.true_case.max(initial=-1), objects.pred_case.max(initial=-1))
        weights = np.ones((1, last + 1))
    outside = (objects.true_areas < area[0]) | (objects.true_areas > area[1])
    order = np.argsort(-objects.scores, kind="stable")
    outcomes = _outcomes(objects, kind, area, outside, order)
    values = np.full((len(weights), classes.size, IOUS.size), np.nan)
    for c, class_id in enumerate(classes):
        cases = objects.true_case[(objects.true_classes == class_id) & ~outside]
        total = weights[:, cases].sum(axis=1)
        of_class = order[objects.pred_classes[order] == class_id]
        for t in range(IOUS.size):
            counted = outcomes[t, of_class], objects.pred_case[of_class]
            values[:, c, t] = _averages(*counted, weights, total, RECALLS)
    return CocoPrecision(classes, values)


def area_ranges(objects: ScoredObjects) -> Mapping[str, tuple[float, float]]:
    """Return ranges of area that hold a third of the true objects each.

    COCO's own (32² and 96² pixels) are made for photographs. An object on a bound is in both.

    Returns
    -------
    mapping
        From ``small``, ``medium`` and ``large`` to (lowest, highest) pixels; NaN where there is no
        true object.
    """
    known = objects.true_areas
    low, high = np.quantile(known, [1 / 3, 2 / 3]) if known.size else (np.nan, np.nan)
    return {"small": (0.0, low), "medium": (low, high), "large": (high, np.inf)}


def _outcomes(
    objects: ScoredObjects,
    kind: str,
    area: tuple[float, float],
    outside: np.ndarray,
    order: np.ndarray,
) -> np.ndarray:
    """Return the outcome of each prediction at each threshold, (10, m) uint8."""
    rows, cols, ious = objects.overlaps(kind)
    by_pred = np.lexsort((rows, cols))
    starts = np.searchsorted(cols[by_pred], np.arange(objects.scores.size + 1))
    sizes = objects.pred_areas if kind == "mask" else objects.pred_box_areas
    excused = objects.ignored | (sizes < area[0]) | (sizes > area[1])
    outcomes = np.empty((IOUS.size, objects.scores.size), np.uint8)
    for t, threshold in enumerate(IOUS):
        pairs = rows[by_pred], ious[by_pred], starts
        outcomes[t] = _matched(*pairs, order, outside, excused, min(threshold, 1 - 1e-10))
    return outcomes


@compiled
def _matched(rows, ious, starts, order, outside, excused, threshold):  # noqa: ANN001, ANN202
    """Give each prediction, by descending score, the best true object that is free."""
    taken = np.zeros(outside.size, np.bool_)
    outcomes = np.empty(order.size, np.uint8)
    for pred in order:
        partner = -1
        # a true object outside the range only if no other will do
        for out_of_range in (False, True):
            best = threshold
            for k in range(starts[pred], starts[pred + 1]):
                true = rows[k]
                if outside[true] == out_of_range and not taken[true] and ious[k] >= best:
                    partner, best = true, ious[k]  # of equals the last, as in pycocotools
            if partner >= 0:
                break
        if partner >= 0:
            taken[partner] = True
            outcomes[pred] = _IGNORED if outside[partner] else _TRUE
        else:
            outcomes[pred] = _IGNORED if excused[pred] else _FALSE
    return outcomes


@compiled
def _averages(outcomes, cases, weights, total, recalls):  # noqa: ANN001, ANN202
    """Return the mean precision over the recalls, for each row of weights."""
    averages = np.full(len(weights), np.nan)
    recall, precision = np.empty(outcomes.size), np.empty(outcomes.size)
    for b in range(len(weights)):
        if total[b] <= 0:
            continue
        tp, fp = 0.0, 0.0
        for i in range(outcomes.size):
            if outcomes[i] == _TRUE:
                tp += weights[b, cases[i]]
            elif outcomes[i] == _FALSE:
                fp += weights[b, cases[i]]
            recall[i] = tp / total[b]
            precision[i] = tp / (tp + fp) if tp > 0 else 0.0
        area, best, i = 0.0, 0.0, outcomes.size - 1
        for wanted in recalls[::-1]:
            while i >= 0 and recall[i] >= wanted:
                best = max(best, precision[i])
                i -= 1
            area += best
        averages[b] = area / recalls.size
    return averages
