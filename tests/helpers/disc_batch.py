"""A batch of cases of discs, some of which touch, and the plan of their dataset."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from septum.config.schema import ClassSpec, NoScaling, Weights
from septum.data.plan import Plan, PlannedWeights
from septum.data.store import Case, Geometry, case_path, write_case
from septum.data.store_attributes import IntensityStatistics
from septum.io.atomic import write_json
from septum.stages.weights.stage import weights_batch


def nuclei(seed, shape=(48, 56)):
    """Return an image and an instance map of discs, some of which touch."""
    random = np.random.default_rng(seed)
    grid, instance = np.ogrid[tuple(map(slice, shape))], np.zeros(shape, np.uint32)
    for number in range(1, 7):
        centre = [random.uniform(0, n) for n in shape]
        inside = sum((axis - c) ** 2 for axis, c in zip(grid, centre, strict=True)) < 64
        instance[inside & (instance == 0)] = number
    image = ndimage.gaussian_filter((instance > 0) * 200.0, 1)[None]
    return np.rint(image).astype(np.uint8), instance


def write(folder, name, seed=0, annotation="instance", spacing=(1.0, 1.0)):
    image, instance = nuclei(seed)
    semantic = (instance > 0).astype(np.uint16)
    case = Case(
        name=name,
        image=image,
        semantic=None if annotation is None else semantic,
        instance=instance if annotation == "instance" else None,
        geometry=Geometry(spacing, "micrometer", source={"reader": "tiff", "path": "x.tif"}),
        statistics=IntensityStatistics({"0": [0.0], "100": [200.0]}, mean=[31.0], std=[7.0]),
    )
    write_case(case_path(folder, name), case)
    return case


def make_plan(path, *, train=(), folds=((),), test=()):
    plan = Plan(
        dataset="discs",
        spatial_dims=2,
        in_channels=1,
        spacing=(1.0, 1.0),
        unit="micrometer",
        annotation="instance",
        classes={1: ClassSpec(name="object")},
        normalisation=NoScaling(),
        patch=(32, 32),
        weights=PlannedWeights(sigma=5.0, class_weights={"0": 0.75, "1": 2.5}),
        min_size=0,
        fingerprint={},
        test=list(test),
        folds=[list(names) for names in folds],
        train=list(train),
        unlabelled=[],
        derived={},
    )
    write_json(path, plan.to_json())
    return path


def write_batch(tmp_path):
    """Write a batch of four cases, one of them in the test set and one without labels."""
    folder = tmp_path / "cases" / "b0"
    for seed, name in enumerate(["zelle ä", "b", "held out"]):
        write(folder, name, seed)
    write(folder, "raw", 7, annotation=None)
    make_plan(tmp_path / "plan.json", train=["zelle ä"], folds=[["b"], []], test=["held out"])
    return tmp_path


def weigh(root, copies=True, **settings):
    """Make the weight maps of the batch, and return their folder."""
    out = root / "weights" / "b0"
    weights_batch(
        cases=root / "cases" / "b0",
        copies=root / "copies" / "b0" if copies else None,
        plan=root / "plan.json",
        settings=Weights(**settings),
        out=out,
    )
    return out
