"""Scored objects and their overlaps, from which COCO's average precision is computed.

Of the overlaps, only those of an IoU of at least a half are kept: no others are matched at COCO's
thresholds. So the objects of all cases of an experiment fit into one small file, from which
average precision is pooled, resampled and split by the size of the objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from septum.errors import problem
from septum.io.atomic import atomic_path
from septum.metrics.boxes import box_areas, box_pairs, boxes_of

if TYPE_CHECKING:
    from septum.metrics.overlap import OverlapTable


@dataclass(frozen=True)
class ScoredObjects:
    """The true and predicted objects of some cases, and the pairs that overlap well.

    Attributes
    ----------
    true_case, pred_case : (n,) and (m,) int64 arrays
        The case of each object, by its position among the cases.
    true_classes, pred_classes : (n,) and (m,) int64 arrays
    true_areas, pred_areas : (n,) and (m,) int64 arrays
        Pixels of the masks.
    pred_box_areas : (m,) int64 array
        Pixels of the bounding boxes.
    scores : (m,) float64 array
    ignored : (m,) bool array
        Predicted objects more than half in the void: no false positives.
    mask_rows, mask_cols, box_rows, box_cols : (k,) int64 arrays
        The pairs of one case and class with an IoU of at least 0.5, as positions.
    mask_ious, box_ious : (k,) float64 arrays
    """

    true_case: np.ndarray
    pred_case: np.ndarray
    true_classes: np.ndarray
    pred_classes: np.ndarray
    true_areas: np.ndarray
    pred_areas: np.ndarray
    pred_box_areas: np.ndarray
    scores: np.ndarray
    ignored: np.ndarray
    mask_rows: np.ndarray
    mask_cols: np.ndarray
    mask_ious: np.ndarray
    box_rows: np.ndarray
    box_cols: np.ndarray
    box_ious: np.ndarray

    def overlaps(self, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return rows, columns and IoUs of the pairs of masks (``mask``) or of boxes (``box``)."""
        return tuple(getattr(self, f"{kind}_{name}") for name in ("rows", "cols", "ious"))

    def of_cases(self, positions: Sequence[int]) -> ScoredObjects:
        """Return the objects of some cases, which are counted anew in the order given."""
        seen = (self.true_case.max(initial=-1), self.pred_case.max(initial=-1), *positions)
        place = np.full(max(seen) + 1, -1)
        place[list(positions)] = np.arange(len(positions))
        true, pred = place[self.true_case] >= 0, place[self.pred_case] >= 0
        number = {"rows": np.cumsum(true) - 1, "cols": np.cumsum(pred) - 1, "case": place}
        kept: dict[str, np.ndarray] = {}
        for field in fields(self):
            side, _, ending = field.name.partition("_")
            chosen = true if side == "true" else pred
            if side in ("mask", "box"):
                chosen = true[getattr(self, f"{side}_rows")]
            values = getattr(self, field.name)[chosen]
            kept[field.name] = number[ending][values] if ending in number else values
        return ScoredObjects(**kept)

    def save(self, path: str | Path) -> None:
        """Write them as a NumPy archive (``.npz``), whole or not at all."""
        with atomic_path(path) as temporary:
            arrays = {field.name: getattr(self, field.name) for field in fields(self)}
            with temporary.open("wb") as file:  # given a name, it might add a suffix
                np.savez_compressed(file, **arrays)


def scored_objects(
    table: OverlapTable,
    true: tuple[np.ndarray, np.ndarray],
    pred: tuple[np.ndarray, np.ndarray],
    scores: Sequence[float] | None = None,
) -> ScoredObjects:
    """Return the scored objects of one case.

    Parameters
    ----------
    table : OverlapTable
        Of the things of these maps, without pairs of unlike classes.
    true, pred : (semantic, instance) pairs of integer arrays of one shape, any number of axes
        Where the boxes are measured.
    scores : sequence of float, optional
        That of instance ``i`` is ``scores[i - 1]``; 1 for all where there are none.

    Raises
    ------
    SeptumError
        If an instance has no score.

    Examples
    --------
    >>> from septum.metrics.overlap import OverlapTable
    >>> true, pred = np.array([1, 1, 0, 2]), np.array([1, 1, 0, 0])
    >>> table = OverlapTable.from_labels(true, pred)
    >>> objects = scored_objects(table, (true > 0, true), (pred > 0, pred), scores=[0.9])
    >>> objects.true_areas, objects.scores, objects.mask_ious
    (array([2, 1]), array([0.9]), array([1.]))
    """
    ids = table.pred_ids.astype(np.int64)
    if scores is not None and ids.size and ids.max() > len(scores):
        what = f"holds {len(scores)} scores, and an instance {ids.max()}"
        raise problem("scores", what, "give one score an instance, or none at all")
    given = np.ones(ids.size) if scores is None else np.asarray(scores, float)[ids - 1]
    true_boxes = _boxes(*true, table.true_classes, table.true_ids)
    pred_boxes = _boxes(*pred, table.pred_classes, table.pred_ids)
    ious = table.ious
    good = ious >= 0.5
    # boxes are those of what is not void, as areas are
    rows, cols, box_ious = box_pairs(true_boxes, pred_boxes)
    alike = table.true_classes[rows] == table.pred_classes[cols]
    return ScoredObjects(
        true_case=np.zeros(table.n_true, np.int64),
        pred_case=np.zeros(table.n_pred, np.int64),
        true_classes=table.true_classes,
        pred_classes=table.pred_classes,
        true_areas=table.true_areas,
        pred_areas=table.pred_areas,
        pred_box_areas=box_areas(pred_boxes),
        scores=given,
        ignored=table.mostly_void,
        mask_rows=table.rows[good],
        mask_cols=table.cols[good],
        mask_ious=ious[good],
        box_rows=rows[alike],
        box_cols=cols[alike],
        box_ious=box_ious[alike],
    )


def pool(cases: Iterable[ScoredObjects | None]) -> ScoredObjects:
    """Return the objects of several cases as one record; None is a case without objects."""
    parts: dict[str, list[np.ndarray]] = {field.name: [] for field in fields(ScoredObjects)}
    n_true = n_pred = 0
    for position, objects in enumerate(cases):
        if objects is None:
            continue
        ahead = {"case": position, "rows": n_true, "cols": n_pred}
        for name, arrays in parts.items():
            arrays.append(getattr(objects, name) + ahead.get(name.split("_")[-1], 0))
        n_true += objects.true_areas.size
        n_pred += objects.pred_areas.size
    return ScoredObjects(
        **{
            name: np.concatenate([np.empty(0, _type(name)), *arrays]).astype(_type(name))
            for name, arrays in parts.items()
        }
    )


def read_objects(path: str | Path) -> ScoredObjects:
    """Read what `ScoredObjects.save` wrote.

    Raises
    ------
    SeptumError
        If it is missing or damaged.
    """
    try:
        with np.load(path) as archive:
            arrays: Mapping[str, np.ndarray] = dict(archive)
        return ScoredObjects(**arrays)
    except (OSError, ValueError, TypeError, EOFError, BadZipFile) as error:
        what = f"holds no scored objects ({error})"
        raise problem(path, what, "run the stage that writes it again") from None


def _type(name: str) -> type:
    if name == "ignored":
        return bool
    return np.float64 if name.split("_")[-1] in ("ious", "scores") else np.int64


def _boxes(
    semantic: np.ndarray, instance: np.ndarray, classes: np.ndarray, ids: np.ndarray
) -> np.ndarray:
    """Return the boxes of (class, id) objects: an id may stand in several classes."""
    boxes = np.zeros((ids.size, 2 * np.ndim(instance)), np.int64)
    for class_id in np.unique(classes):
        of_class = classes == class_id
        own = np.where(np.asarray(semantic) == class_id, instance, 0)
        boxes[of_class] = boxes_of(own, ids[of_class])
    return boxes
