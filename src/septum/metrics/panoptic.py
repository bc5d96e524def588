"""Panoptic quality: things by instance, stuff by class (Kirillov et al., CVPR 2019).

PQ = ΣIoU(TP) / (|TP| + ½|FP| + ½|FN|) = SQ × RQ per class, then the mean over the classes
that occur. A match needs the same class and an IoU strictly above 0.5. Void pixels are taken
out of the union, and unmatched predictions more than half in the void are ignored
(panopticapi's rules; an SQ without any match is 0 there too).

Sums of several cases are added before they are divided: ``sum(sums, PanopticSums({}))``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from septum.metrics.matching import match
from septum.metrics.overlap import OverlapTable
from septum.metrics.pairs import count_pairs
from septum.metrics.ratio import mean, qualities
from septum.metrics.segments import Segments


@dataclass(frozen=True)
class ClassSums:
    """The sums from which the panoptic quality of one class is computed.

    Attributes
    ----------
    iou_sum : float
        Sum of the IoUs of the matched pairs.
    tp, fp, fn : int
        Matched pairs, unmatched predicted and unmatched true segments.
    """

    iou_sum: float = 0.0
    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: ClassSums) -> ClassSums:
        return ClassSums(
            self.iou_sum + other.iou_sum,
            self.tp + other.tp,
            self.fp + other.fp,
            self.fn + other.fn,
        )

    @property
    def occurs(self) -> bool:
        """Whether any segment, true or predicted, is of this class."""
        return self.tp + self.fp + self.fn > 0

    @property
    def pq(self) -> float:
        """Panoptic quality; NaN where the class does not occur."""
        return float(self._qualities[0])

    @property
    def sq(self) -> float:
        """Segmentation quality, the mean IoU of matches; 0 without any match."""
        return float(self._qualities[1])

    @property
    def rq(self) -> float:
        """Recognition quality, the F1 of the segments."""
        return float(self._qualities[2])

    @property
    def _qualities(self) -> np.ndarray:
        return qualities(self.iou_sum, self.tp, self.fp, self.fn)


@dataclass(frozen=True)
class PanopticSums:
    """Panoptic quality of one or several cases; added, cases are pooled.

    Attributes
    ----------
    classes : mapping of int to ClassSums
        By class id.
    """

    classes: Mapping[int, ClassSums]

    def __add__(self, other: PanopticSums) -> PanopticSums:
        ids = sorted({*self.classes, *other.classes})
        none = ClassSums()
        return PanopticSums(
            {i: self.classes.get(i, none) + other.classes.get(i, none) for i in ids}
        )

    def of_classes(self, classes: Iterable[int]) -> PanopticSums:
        """Return the sums of some classes: of the things, of the stuff."""
        return PanopticSums({i: self.classes[i] for i in classes if i in self.classes})

    @property
    def pq(self) -> float:
        """Mean PQ over the classes that occur; NaN where none does."""
        return mean(sums.pq for sums in self.classes.values())

    @property
    def sq(self) -> float:
        """Mean SQ over the classes that occur."""
        return mean(sums.sq for sums in self.classes.values())

    @property
    def rq(self) -> float:
        """Mean RQ over the classes that occur."""
        return mean(sums.rq for sums in self.classes.values())

    @property
    def pooled(self) -> ClassSums:
        """The segments of all classes as if of one (matches stay within their class)."""
        return sum(self.classes.values(), ClassSums())


def panoptic_quality(
    true: np.ndarray | tuple[np.ndarray, np.ndarray | None],
    pred: np.ndarray | tuple[np.ndarray, np.ndarray | None],
    *,
    things: Iterable[int] | None = None,
    void: np.ndarray | None = None,
) -> PanopticSums:
    """Return the panoptic quality of a prediction, per class and over classes.

    Parameters
    ----------
    true, pred : (semantic, instance) pairs of integer arrays, or instance maps
        All of one shape, any number of axes; class 0 is background and instance 0 none. An
        instance map alone stands for instances of one thing class, 1. The instance map of a
        pair may be None where all classes are stuff.
    things : iterable of int, optional
        The classes whose instances are segments; all others are stuff, one segment a class
        and map. By default every class where instance maps are given, none otherwise.
    void : bool array of that shape, optional
        Pixels that are neither right nor wrong.

    Returns
    -------
    PanopticSums
        With ``pq``, ``sq``, ``rq`` (means over the classes that occur), ``classes[i].pq`` and
        so on per class; sums of several cases may be added.

    Raises
    ------
    SeptumError
        Where shapes differ or a map holds no valid ids.

    Examples
    --------
    Object 1 is found with an IoU of 3/4, and object 2 is missed: ¾ / (1 + ½) = ½.

    >>> true = np.array([1, 1, 1, 1, 0, 2])
    >>> pred = np.array([5, 5, 5, 0, 0, 0])
    >>> quality = panoptic_quality(true, pred)
    >>> quality.pq, quality.sq, round(quality.rq, 3)
    (0.5, 0.75, 0.667)
    """
    (true_semantic, true_instance), (pred_semantic, pred_instance) = _pair(true), _pair(pred)
    if things is None:
        with_instances = true_instance is not None or pred_instance is not None
        occurring = np.union1d(np.unique(true_semantic), np.unique(pred_semantic))
        things = [int(i) for i in occurring if i > 0] if with_instances else []
    things = set(things)
    pairs = count_pairs(
        Segments(true_semantic, true_instance, things, "true labels"),
        Segments(pred_semantic, pred_instance, things, "predicted labels"),
        void,
    )
    return panoptic_sums(OverlapTable.from_pairs(pairs, things))


def panoptic_sums(table: OverlapTable, classes: Iterable[int] = ()) -> PanopticSums:
    """Return the sums of panoptic quality of a table of segments.

    Parameters
    ----------
    table : OverlapTable
        Of segments with classes.
    classes : iterable of int
        Classes to name even where they do not occur.
    """
    class_ids = {*table.true_classes.tolist(), *table.pred_classes.tolist(), *classes}
    sums = {}
    for class_id in sorted(class_ids):
        matching = match(table.of_classes([class_id]), threshold=0.5, convention="coco")
        iou_sum = float(matching.ious.sum())
        sums[class_id] = ClassSums(iou_sum, matching.tp, matching.fp, matching.fn)
    return PanopticSums(sums)


def _pair(
    labels: np.ndarray | tuple[np.ndarray, np.ndarray | None],
) -> tuple[np.ndarray, np.ndarray | None]:
    if isinstance(labels, tuple):
        return labels
    labels = np.asarray(labels)
    return (labels > 0).astype(np.uint8), labels
