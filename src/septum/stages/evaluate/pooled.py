"""Scores of an experiment pooled over all cases: ``pooled.csv``.

Objects are summed over cases before ratios are taken, as COCO defines panoptic quality and
average precision. There is a row for each class, and rows for things, stuff and all classes,
whose quality is the mean over those of their classes that occur. ``iou``, of pixels, is pooled
in the same way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import reduce

import numpy as np

from septum.metrics.case import CaseScores, Row
from septum.metrics.coco import CocoPrecision, area_ranges, coco_precision
from septum.metrics.objects import pool
from septum.metrics.panoptic import ClassSums, PanopticSums
from septum.metrics.ratio import mean
from septum.metrics.semantic import Confusion

POOLED_COLUMNS = (
    *("subset", "class", "class_name", "kind", "cases", "classes"),
    *("iou", "pq", "sq", "rq", "tp", "fp", "fn", "iou_sum"),
    *("coco_ap", "coco_ap50", "coco_ap75", "coco_box_ap", "coco_box_ap50", "coco_box_ap75"),
    *("coco_ap_small", "coco_ap_medium", "coco_ap_large", "small_to_px", "large_from_px"),
)


def pooled_rows(subset: str, scored: Sequence[CaseScores]) -> list[Row]:
    """Return the rows of one subset: each class, things, stuff, all.

    Parameters
    ----------
    subset : str
        ``test`` or ``val``.
    scored : sequence of CaseScores
        Scores of its cases.

    Returns
    -------
    list of dict
        COCO's columns are filled for things only; they are scores of masks unless their name
        has ``box``.
    """
    sums = sum((_sums(case.classes) for case in scored), PanopticSums({}))
    ious = _ious(scored)
    named = {int(row["class"]): row for case in scored for row in case.classes}
    things = [i for i in sorted(named) if named[i]["kind"] == "thing"]
    stuff = [i for i in sorted(named) if i not in things]
    precisions = _precisions(scored) if things else {}
    start = {"subset": subset, "cases": len(scored)}
    rows = []
    for class_id in sorted(named):
        row = {key: named[class_id][key] for key in ("class", "class_name", "kind")}
        coco = _coco_scores(precisions, class_id) if class_id in things else {}
        scores = {"iou": ious[class_id], **_panoptic_scores(sums, [class_id])}
        rows.append({**start, **row, **scores, **coco})
    for kind, ids in (("things", things), ("stuff", stuff), ("all", sorted(named))):
        row = {"class": "", "class_name": kind, "kind": kind}
        coco = _coco_scores(precisions) if kind == "things" and things else {}
        scores = {"iou": mean(ious[i] for i in ids), **_panoptic_scores(sums, ids)}
        rows.append({**start, **row, **scores, **coco})
    return rows


def _sums(rows: Iterable[Row]) -> PanopticSums:
    names = ("iou_sum", "tp", "fp", "fn")
    return PanopticSums({int(r["class"]): ClassSums(*(r[name] for name in names)) for r in rows})


def _ious(scored: Sequence[CaseScores]) -> dict[int, float]:
    confusion = reduce(Confusion.__add__, (case.confusion for case in scored))
    return dict(zip(confusion.classes.tolist(), confusion.iou.tolist(), strict=True))


def _panoptic_scores(sums: PanopticSums, ids: Collection[int]) -> Row:
    sums_of_ids = sums.of_classes(ids)
    total = sums_of_ids.pooled
    return {
        "classes": sum(sums_of_class.occurs for sums_of_class in sums_of_ids.classes.values()),
        "pq": sums_of_ids.pq,
        "sq": sums_of_ids.sq,
        "rq": sums_of_ids.rq,
        "tp": total.tp,
        "fp": total.fp,
        "fn": total.fn,
        "iou_sum": total.iou_sum,
    }


def _precisions(scored: Sequence[CaseScores]) -> dict[str, CocoPrecision | float]:
    objects = pool(case.objects for case in scored)
    ranges = area_ranges(objects)
    return {
        "": coco_precision(objects),
        "_box": coco_precision(objects, "box"),
        **{name: coco_precision(objects, area=bounds) for name, bounds in ranges.items()},
        "small_to_px": ranges["small"][1],
        "large_from_px": ranges["large"][0],
    }


def _coco_scores(
    precisions: Mapping[str, CocoPrecision | float], class_id: int | None = None
) -> Row:
    def of(name: str) -> CocoPrecision:
        return precisions[name] if class_id is None else precisions[name].of_class(class_id)

    row: Row = {name: float(precisions[name]) for name in ("small_to_px", "large_from_px")}
    for kind in ("", "_box"):
        row[f"coco{kind}_ap"] = _only(of(kind).ap)
        row[f"coco{kind}_ap50"] = _only(of(kind).at(0.50))
        row[f"coco{kind}_ap75"] = _only(of(kind).at(0.75))
    return row | {f"coco_ap_{n}": _only(of(n).ap) for n in ("small", "medium", "large")}


def _only(values: np.ndarray) -> float:
    (value,) = values.tolist()
    return value
