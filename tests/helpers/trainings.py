"""A handful of tiny cases, and trainings on them that take a second or two."""

from __future__ import annotations

import csv
import time

import numpy as np
import pytest

from septum.config.schema import ClassSpec, Decode, PercentileScaling, Predict, Run, Train, Tune
from septum.data import store
from septum.data.intensity import statistics
from septum.data.plan import Plan, PlannedWeights
from septum.io.atomic import read_json, write_json
from septum.io.zarr_arrays import write_array
from septum.stages.train.stage import train
from septum.stages.tune.stage import tune
from septum.stages.weights.stage import case_weight_map

WEIGHTS = PlannedWeights(sigma=5.0, class_weights={"0": 0.8, "1": 1.4})


NET = {"depth": 2, "width": 4, "padded": True, "norm": "batch"}


def blobs(size, seed, objects=6):
    """Bright discs or balls on a dark, noisy ground."""
    random = np.random.default_rng(seed)
    labels = np.zeros(size, np.uint32)
    for label in range(1, objects + 1):
        centre = [random.uniform(0, n) for n in size]
        square = sum((g - c) ** 2 for g, c in zip(np.indices(size), centre, strict=True))
        labels[(square < random.uniform(4, 8) ** 2) & (labels == 0)] = label
    image = random.normal(60, 12, size) + 80 * (labels > 0)
    return image.clip(0, 255).astype(np.uint8), labels


def write_dataset(folder, size=(64, 64), objects=6, channels=1):
    """Write six cases (0 is fold 0, 1 is fold 1), weight maps, and a copy of every case."""
    names = [f"case {i}" for i in range(6)]
    for i, name in enumerate(names):
        for suffix, batch in (("", "cases"), (" e01", "copies")):
            image, labels = blobs(size, 10 * i + len(suffix), objects)
            image = np.stack([image] * channels)
            geometry = store.Geometry((1.0,) * len(size))
            semantic = (labels > 0).astype(np.uint16)
            parent = name if suffix else None
            case = store.Case(
                name + suffix, image, semantic, labels, geometry, statistics(image), parent
            )
            store.write_case(store.case_path(folder / batch / "b0", case.name), case)
            path = store.case_path(folder / "weights" / "b0", case.name)
            weights = case_weight_map(case, WEIGHTS, mode="paper", w0=10.0)
            write_array(path, "weights", weights, attributes={"name": case.name})
    plan = Plan(
        dataset="blobs",
        spatial_dims=len(size),
        in_channels=channels,
        spacing=(1.0,) * len(size),
        unit="pixel",
        annotation="instance",
        classes={1: ClassSpec(name="blob")},
        normalisation=PercentileScaling(lower=1.0, upper=99.8),
        patch=(32,) * len(size),
        weights=WEIGHTS,
        min_size=5,
        fingerprint={},
        test=[],
        folds=[names[:1], names[1:2]],
        train=names[2:],
        unlabelled=[],
        derived={},
    )
    write_json(folder / "plan.json", plan.to_json())
    return plan


def settings(*, options=NET, head="semantic", **changes):
    # the CPU, also where there is a GPU: only there the same training gives the same bytes
    values = {"batch": 4, "steps": 4, "epochs": 2, "lr": 5e-3, "device": "cpu", **changes}
    return Run(
        dataset="blobs",
        experiment="net",
        network="unet",
        options=options,
        head=head,
        train=Train(**values),
        predict=Predict(),
        decode=Decode(),
    )


def inputs(data, run, **changes):
    return {
        "run": run,
        "plan": Plan.from_json(read_json(data / "plan.json")),
        "cases": [data / "cases" / "b0"],
        "copies": [data / "copies" / "b0"],
        "weights": [data / "weights" / "b0"],
        "fold": 0,
        "seed": 0,
        "digests": {"code": "c0de"},
        **changes,
    }


def run_training(data, out, run, **changes):
    given = inputs(data, run, **changes)
    weights = out / "weights.safetensors"
    train(out=weights, **given)
    tune(
        weights=weights,
        plan=given["plan"],
        cases=given["cases"],
        settings=Tune(predict=run.predict, decode=run.decode),
        out=out / "model.safetensors",
        digests={},
    )


def history(out):
    with (out / "history.csv").open() as file:
        return list(csv.DictReader(file))


def delete_outputs(out):
    """Do what a workflow does with the outputs of a job before it starts it again."""
    for name in (
        "weights.safetensors",
        "model.safetensors",
        "tuning.json",
        "history.csv",
        "curves.png",
        "costs.json",
    ):
        (out / name).unlink(missing_ok=True)


def wait_for_epochs(out, epochs, process=None):
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if process is not None and process.poll() is not None:
            pytest.fail("the training ended before it could be killed")
        path = out / "checkpoints" / "last.ckpt"
        if path.exists() and len(history(out)) >= epochs:
            return
        time.sleep(0.01)
    pytest.fail("the training did not get anywhere")
