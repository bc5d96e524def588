"""Scores of a segmentation: everything about overlap comes from one pass over the pixels."""

from __future__ import annotations

from septum.metrics.errors import ObjectErrors, object_errors
from septum.metrics.matching import THRESHOLDS, Matching, average_precision, match
from septum.metrics.overlap import OverlapTable
from septum.metrics.panoptic import PanopticSums, panoptic_quality
from septum.metrics.seg import seg_score
from septum.metrics.semantic import Confusion
from septum.metrics.surface import SurfaceDistances, surface_distances

__all__ = [
    "THRESHOLDS",
    "Confusion",
    "Matching",
    "ObjectErrors",
    "OverlapTable",
    "PanopticSums",
    "SurfaceDistances",
    "average_precision",
    "match",
    "object_errors",
    "panoptic_quality",
    "seg_score",
    "surface_distances",
]
