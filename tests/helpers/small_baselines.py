"""A batch of five images of dark squares, and baselines that are tuned on it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from septum.config.schema import Baseline, ClassSpec, NoScaling
from septum.data.plan import Plan, PlannedWeights
from septum.data.store import Case, Geometry, case_path, write_case
from septum.data.store_attributes import IntensityStatistics
from septum.stages.tune.baseline import fit

OPTIONS = {"sigma": 0.0, "window": 0.0, "h": 0.0, "level": 0.5}
NAMES = ["first", "second", "tést <1>", "training", "new"]


def scene(seed, ndim=2):
    """Dark squares (cubes) on a bright background; the image and its labels."""
    random = np.random.default_rng(seed)
    shape = (32, 40) if ndim == 2 else (8, 16, 20)
    labels = np.zeros(shape, int)
    for number in range(1, 4):
        corner = [random.integers(1, n - 6) for n in shape]
        block = tuple(slice(c, c + 5) for c in corner)
        if not labels[tuple(slice(max(0, c - 1), c + 6) for c in corner)].any():
            labels[block] = number
    return np.where(labels > 0, 30, 200).astype(np.uint8)[None], labels


def make_plan(**changes):
    plan = Plan(
        dataset="squares",
        spatial_dims=2,
        in_channels=1,
        spacing=(1.0, 1.0),
        unit="pixel",
        annotation="instance",
        classes={4: ClassSpec(name="square")},
        normalisation=NoScaling(),
        patch=(16, 16),
        weights=PlannedWeights(sigma=5.0, class_weights={}),
        min_size=9,
        fingerprint={},
        test=["tést <1>"],
        folds=[["first"], ["second"], ["training"]],
        train=[],
        unlabelled=["new"],
        derived={},
    )
    return replace(plan, **changes)


def write_batch(folder):
    """Write a batch of five cases to ``cases``."""
    for seed, name in enumerate(NAMES):
        image, labels = scene(seed)
        case = Case(
            name=name,
            image=image,
            semantic=None if name == "new" else np.where(labels > 0, 4, 0),
            instance=None if name == "new" else labels,
            geometry=Geometry((1.0, 1.0), source={"reader": "tiff", "path": f"{name}.tif"}),
            statistics=IntensityStatistics({}, [], []),
        )
        write_case(case_path(folder / "cases", name), case)


def fit_fold(project, fold, *, method="watershed", options=OPTIONS, plan=None):
    out = project / f"fold{fold}" / "parameters.json"
    fit(
        baseline=Baseline(dataset="squares", experiment="floor", method=method, options=options),
        plan=plan or make_plan(),
        cases=[project / "cases"],
        fold=fold,
        out=out,
        digests={"code": "abc"},
    )
    return out
