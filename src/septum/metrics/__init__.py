"""Scores of a segmentation: everything about overlap comes from one pass over the pixels.

The names below are loaded when they are first used. Modules of this package import from the
submodules, so that a change to one score leaves the stages alone that do not use it
(`septum.codedigest`).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "coco": ["CocoPrecision", "area_ranges", "coco_precision"],
        "errors": ["ObjectErrors", "object_errors"],
        "matching": ["THRESHOLDS", "Matching", "average_precision", "match"],
        "objects": ["ScoredObjects", "pool", "scored_objects"],
        "overlap": ["OverlapTable"],
        "panoptic": ["PanopticSums", "panoptic_quality"],
        "seg": ["seg_score"],
        "semantic": ["Confusion"],
        "surface": ["SurfaceDistances", "surface_distances"],
    },
)
