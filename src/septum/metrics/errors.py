"""Kinds of errors of objects: missed, spurious, split, merged.

With |t ∩ p| the pixels that a true object t and a predicted object p share:

- *merged*: p holds more than half of each of two or more true objects, and each of these makes
  up at least a tenth of p. So p is one object where there are several; p and these true
  objects are merged. (More than half of the true object is how the Cell Tracking Challenge
  says which prediction holds it.)
- *split*: the same with the sides exchanged: two or more predicted objects each lie by more
  than half of their area in t, and each covers at least a tenth of t.
- *matched*: of the others, pairs with IoU > 0.5.
- *missed*: every other true object; *spurious*: every other predicted object, but for those
  that lie more than half in the void: *void*.

Each object has one kind, the first that applies in this order. Hence
``n_true = matched + missed + split + merged`` counted on true objects and
``n_pred = matched + spurious + split + merged + void`` counted on predicted ones. A true object
whose best fragment still reaches IoU > 0.5 is a true positive of AP and split here: AP counts,
this explains. The tenth keeps crumbs from making a split of a good match.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from septum.metrics.overlap import OverlapTable, overlap_table

TRUE_KINDS = ("matched", "missed", "split", "merged")
PRED_KINDS = ("matched", "spurious", "split", "merged", "void")
MIN_SHARE_OF_WHOLE = 0.1
"""Smallest part of the whole that makes a fragment, or a merged object, count."""


@dataclass(frozen=True)
class ObjectErrors:
    """The kind of every object.

    Attributes
    ----------
    true_ids, pred_ids : (n,) and (m,) uint32 arrays
        The objects' ids.
    true_kinds : (n,) array of str
        Each of `TRUE_KINDS`.
    pred_kinds : (m,) array of str
        Each of `PRED_KINDS`.
    """

    true_ids: np.ndarray
    pred_ids: np.ndarray
    true_kinds: np.ndarray
    pred_kinds: np.ndarray

    def true(self, kind: str) -> np.ndarray:
        """Return the ids of the true objects of a kind."""
        return self.true_ids[self.true_kinds == kind]

    def pred(self, kind: str) -> np.ndarray:
        """Return the ids of the predicted objects of a kind."""
        return self.pred_ids[self.pred_kinds == kind]

    @property
    def counts(self) -> dict[str, int]:
        """Number of true objects matched, missed, split, merged, and of spurious objects."""
        counts = {kind: int(self.true(kind).size) for kind in TRUE_KINDS}
        return {**counts, "spurious": int(self.pred("spurious").size)}


def object_errors(true: OverlapTable | np.ndarray, pred: np.ndarray | None = None) -> ObjectErrors:
    """Classify every object as matched, missed, spurious, split or merged.

    Parameters
    ----------
    true, pred : integer arrays of one shape, any number of axes, 0 for background
        Or an `OverlapTable` as ``true`` alone; of several classes give ``.same_class()``, or
        objects of unlike classes are taken for one another.

    Raises
    ------
    SeptumError
        Where the maps do not fit together.

    Examples
    --------
    Objects 1 and 2 are predicted as one, 3 is missed, and 6 is where there is nothing.

    >>> true = np.array([1, 1, 2, 2, 0, 3, 3, 0])
    >>> pred = np.array([5, 5, 5, 5, 0, 0, 0, 6])
    >>> errors = object_errors(true, pred)
    >>> errors.true_kinds.tolist(), errors.pred_kinds.tolist()
    (['merged', 'merged', 'missed'], ['merged', 'spurious'])
    >>> errors.counts
    {'matched': 0, 'missed': 1, 'split': 0, 'merged': 2, 'spurious': 1}
    """
    table = overlap_table(true, pred)
    rows, cols = table.rows, table.cols
    true_shares, pred_shares = table.true_shares, table.pred_shares
    true_kinds = np.full(table.n_true, "missed", dtype="<U8")
    pred_kinds = np.full(table.n_pred, "spurious", dtype="<U8")

    held = (true_shares > 0.5) & (pred_shares >= MIN_SHARE_OF_WHOLE)
    held &= _counts(cols, held, table.n_pred)[cols] >= 2
    fragment = (pred_shares > 0.5) & (true_shares >= MIN_SHARE_OF_WHOLE)
    fragment &= _counts(rows, fragment, table.n_true)[rows] >= 2

    # the later overwrites the earlier: split before merged
    for kind, pairs in (("split", fragment), ("merged", held)):
        true_kinds[rows[pairs]] = kind
        pred_kinds[cols[pairs]] = kind
    free = (true_kinds[rows] == "missed") & (pred_kinds[cols] == "spurious")
    matched = free & (table.ious > 0.5)
    true_kinds[rows[matched]] = "matched"
    pred_kinds[cols[matched]] = "matched"
    pred_kinds[(pred_kinds == "spurious") & table.mostly_void] = "void"
    return ObjectErrors(table.true_ids, table.pred_ids, true_kinds, pred_kinds)


def _counts(objects: np.ndarray, chosen: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(objects[chosen], minlength=n)
