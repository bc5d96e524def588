"""All scores of one case, from one pass over its pixels."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from septum.config.schema import ClassSpec, Evaluate
from septum.errors import problem
from septum.metrics.errors import object_errors
from septum.metrics.matching import THRESHOLDS, average_precision, match, seg_score
from septum.metrics.objects import ScoredObjects, scored_objects
from septum.metrics.overlap import OverlapTable
from septum.metrics.pairs import count_pairs
from septum.metrics.panoptic import ClassSums, PanopticSums, panoptic_sums
from septum.metrics.ratio import mean
from septum.metrics.segments import Segments
from septum.metrics.semantic import Confusion
from septum.metrics.surface import surface_distances

AP_COLUMNS = tuple(f"ap{round(100 * threshold)}" for threshold in THRESHOLDS)

Row = dict[str, float | int | str]


@dataclass(frozen=True)
class CaseScores:
    """The scores of one case.

    Attributes
    ----------
    case : dict
        By the names of the columns of ``cases.csv``; what has no meaning here (AP of a
        semantic annotation) is absent, what is undefined is NaN.
    classes : list of dict
        One a foreground class, by the names of the columns of ``classes.csv``.
    objects : ScoredObjects or None
        What COCO's average precision is pooled from; None without instances.
    confusion : Confusion
        Pixels by true and predicted class, background included.
    """

    case: Row
    classes: list[Row]
    objects: ScoredObjects | None
    confusion: Confusion


def evaluate_case(
    true_semantic: np.ndarray,
    true_instance: np.ndarray | None,
    pred_semantic: np.ndarray,
    pred_instance: np.ndarray | None,
    *,
    classes: Mapping[int, ClassSpec],
    spacing: Sequence[float],
    settings: Evaluate,
    scores: Sequence[float] | None = None,
    void: np.ndarray | None = None,
) -> CaseScores:
    """Score the prediction of one case.

    Parameters
    ----------
    true_semantic, pred_semantic : integer arrays (*spatial)
        Class ids, 0 for background.
    true_instance, pred_instance : integer arrays (*spatial), optional
        Instance ids, 0 for none; without them every class is scored as stuff.
    classes : mapping of int to ClassSpec
        The foreground classes.
    spacing : sequence of float
        Size of a pixel along each axis: the unit of the surface distances.
    settings : Evaluate
        ``convention`` rules AP and the counts, PQ is defined at IoU > 0.5 always;
        ``surface_distance`` switches HD95 and ASSD.
    scores : sequence of float, optional
        One a predicted instance, in the order of their ids; 1 for all where there are none.
    void : bool array (*spatial), optional
        Pixels that are neither right nor wrong: taken out of both maps. Predicted objects more
        than half of which is void are neither, too, unless they match.

    Returns
    -------
    CaseScores
        Objects match within their class only. ``iou``, ``dice``, ``hd95`` and ``assd`` of the
        case are means over the foreground classes where they are defined. A class that only the
        annotation or only the prediction holds is infinitely far from its partner, and so is
        the case: left out of the mean it would make a missed class a better score.

    Raises
    ------
    SeptumError
        Where shapes differ, a class occurs that is not declared, or a score is missing.

    Examples
    --------
    >>> true, pred = np.array([[1, 1, 0, 2]]), np.array([[1, 1, 0, 0]])
    >>> scores = evaluate_case(
    ...     (true > 0).astype(int),
    ...     true,
    ...     (pred > 0).astype(int),
    ...     pred,
    ...     classes={1: ClassSpec(name="cell")},
    ...     spacing=(1.0, 1.0),
    ...     settings=Evaluate(),
    ... )
    >>> round(scores.case["iou"], 3), round(scores.case["pq"], 3)  # 2 / 3, and 1 / (1 + ½)
    (0.667, 0.667)
    """
    with_instances = true_instance is not None
    things = {i for i, spec in classes.items() if with_instances and spec.kind == "thing"}
    pairs = count_pairs(
        Segments(true_semantic, true_instance, things, "annotation"),
        Segments(pred_semantic, pred_instance, things, "prediction"),
        void,
    )
    if void is not None:
        # counted above; what follows looks at the maps themselves
        true_semantic = np.where(void, 0, true_semantic)
        pred_semantic = np.where(void, 0, pred_semantic)
    confusion = Confusion.from_segments(pairs, [0, *classes])
    unknown = sorted({*confusion.classes.tolist()} - {0, *classes})
    if unknown:
        what = f"holds the undeclared classes {unknown}"
        raise problem("labels", what, "declare them under classes, or mend the labels")
    table = OverlapTable.from_pairs(pairs, things).same_class()
    sums = panoptic_sums(table, classes)
    maps, rows = (true_semantic, pred_semantic), []
    for class_id in sorted(classes):
        rows.append(
            {
                "class": class_id,
                "class_name": classes[class_id].name,
                "kind": "thing" if class_id in things else "stuff",
                **_pixel_scores(confusion, class_id),
                **_segment_scores(sums.classes[class_id]),
                **(_distances(*maps, class_id, spacing) if settings.surface_distance else {}),
            }
        )
    case: Row = {
        "iou": _mean(rows, "iou"),
        "dice": _mean(rows, "dice"),
        "pixel_accuracy": confusion.pixel_accuracy,
        "mean_accuracy": confusion.mean_accuracy,
        "mean_iou": confusion.mean_iou,
        "fw_iou": confusion.frequency_weighted_iou,
        "pq": sums.pq,
        "sq": sums.sq,
        "rq": sums.rq,
        **_panoptic_parts(sums, things),
        **(_object_scores(table.of_classes(things), settings.convention) if things else {}),
        "hd95": _mean(rows, "hd95"),
        "assd": _mean(rows, "assd"),
    }
    objects = None
    if things:
        labels = (true_semantic, true_instance), (pred_semantic, pred_instance)
        objects = scored_objects(table.of_classes(things), *labels, scores)
    return CaseScores(case, rows, objects, confusion)


def _panoptic_parts(sums: PanopticSums, things: Collection[int]) -> Row:
    """Return PQ, SQ and RQ of the things and of the stuff."""
    stuff = [class_id for class_id in sums.classes if class_id not in things]
    return {
        f"{score}_{part}": getattr(sums.of_classes(ids), score)
        for part, ids in (("things", things), ("stuff", stuff))
        for score in ("pq", "sq", "rq")
    }


def _pixel_scores(confusion: Confusion, class_id: int) -> Row:
    at = int(np.searchsorted(confusion.classes, class_id))
    return {
        "iou": float(confusion.iou[at]),
        "dice": float(confusion.dice[at]),
        "accuracy": float(confusion.accuracy[at]),
        "intersection": int(confusion.intersection[at]),
        "union": int(confusion.union[at]),
        "true_pixels": int(confusion.true_pixels[at]),
        "pred_pixels": int(confusion.pred_pixels[at]),
    }


def _segment_scores(sums: ClassSums) -> Row:
    return {
        "pq": sums.pq,
        "sq": sums.sq,
        "rq": sums.rq,
        "tp": sums.tp,
        "fp": sums.fp,
        "fn": sums.fn,
        "iou_sum": sums.iou_sum,
    }


def _object_scores(objects: OverlapTable, convention: str) -> Row:
    matched = match(objects, threshold=0.5, convention=convention)
    precisions = average_precision(objects, thresholds=THRESHOLDS, convention=convention).tolist()
    errors = object_errors(objects).counts
    return {
        "ap": mean(precisions),
        **dict(zip(AP_COLUMNS, precisions, strict=True)),
        "seg": seg_score(objects),
        "n_true": objects.n_true,
        "n_pred": matched.tp + matched.fp,
        "tp": matched.tp,
        "fp": matched.fp,
        "fn": matched.fn,
        **{kind: errors[kind] for kind in ("split", "merged", "missed", "spurious")},
    }


def _distances(true: np.ndarray, pred: np.ndarray, class_id: int, spacing: Sequence[float]) -> Row:
    distances = surface_distances(true == class_id, pred == class_id, spacing)
    return {"hd95": distances.hausdorff(95), "assd": distances.average()}


def _mean(rows: Collection[Row], score: str) -> float:
    return mean(row.get(score, math.nan) for row in rows)
