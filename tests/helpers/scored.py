"""Small label maps with known overlaps, and their scores."""

from __future__ import annotations

import numpy as np

from septum.config.schema import ClassSpec, Evaluate
from septum.metrics.case import evaluate_case
from septum.metrics.objects import scored_objects
from septum.metrics.overlap import OverlapTable
from septum.metrics.pairs import count_pairs
from septum.metrics.segments import Segments

NUCLEI = {1: ClassSpec(name="nucleus")}
TISSUE = {
    1: ClassSpec(name="grass, wet", kind="stuff"),
    2: ClassSpec(name="person"),
    3: ClassSpec(name="dog"),
}


def objects_of(true, pred, scores=None, void=None):
    """Return the scored objects of two instance maps, or of (semantic, instance) pairs."""
    true, pred = (m if isinstance(m, tuple) else ((m > 0).astype(int), m) for m in (true, pred))
    classes = {int(i) for semantic in (true[0], pred[0]) for i in np.unique(semantic)} - {0}
    pairs = count_pairs(Segments(*true, classes, "t"), Segments(*pred, classes, "p"), void)
    table = OverlapTable.from_pairs(pairs, classes).same_class()
    return scored_objects(table, true, pred, scores)


def line(*runs):
    """Return a row of labels from (label, length) runs."""
    return np.concatenate([np.full(length, label) for label, length in runs])[None]


def score(true, pred, classes=NUCLEI, spacing=(1.0, 1.0), **settings):
    """Score instance maps, or (semantic, instance) pairs."""
    true, pred = (m if isinstance(m, tuple) else (np.where(m > 0, 1, 0), m) for m in (true, pred))
    return evaluate_case(
        *true, *pred, classes=classes, spacing=spacing, settings=Evaluate(**settings)
    )


def nuclei():
    """Four nuclei of 4 pixels in 48; found: whole, three quarters, half, not; one spurious."""
    true, pred = np.zeros((2, 6, 8), np.uint32)
    for k, column in enumerate((0, 2, 4, 6)):
        true[0:2, column : column + 2] = k + 1
    pred[0:2, 0:2] = 9
    pred[0:2, 2:4] = 5
    pred[0, 2] = 0
    pred[0:2, 4] = 7
    pred[4, 6] = 4
    return true, pred


def panoptic():
    """Grass, two persons, a dog; the dog is predicted as a person."""
    semantic, instance = np.full((6, 10), 1), np.zeros((6, 10), int)
    for class_id, number, column, end in ((2, 1, 0, 2), (2, 2, 3, 5), (3, 3, 6, 9)):
        semantic[0:4, column:end], instance[0:4, column:end] = class_id, number
    return (semantic, instance), (np.where(semantic == 3, 2, semantic), instance)
