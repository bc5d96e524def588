"""What makes a training start anew: an edit of code that decides the weights, and no other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from edited_source import copy_of_source, edit

from septum.config import registry
from septum.config.schema import ClassSpec, Decode, NoScaling, Predict, Run, Train
from septum.data.fold_cases import FoldCases
from septum.data.plan import Plan, PlannedWeights
from septum.io.code_digest import code_digest, reachable
from septum.networks.create import network_module
from septum.networks.segmenter import build_segmenter
from septum.stages.train.job import VALUES_CODE, WEIGHTS_CODE, Training
from septum.stages.train.patches import PatchShape

NET = {"width": 4, "depth": 1}


@pytest.fixture
def source(tmp_path, monkeypatch):
    yield from copy_of_source(tmp_path, monkeypatch)


def training(**changes):
    plan = Plan(
        dataset="blobs",
        spatial_dims=2,
        in_channels=1,
        spacing=(1.0, 1.0),
        unit="pixel",
        annotation="instance",
        classes={1: ClassSpec(name="blob")},
        normalisation=NoScaling(),
        patch=(32, 32),
        weights=PlannedWeights(sigma=5.0, class_weights={}),
        min_size=5,
        fingerprint={},
        test=[],
        folds=[["a"], ["b"]],
        train=["c"],
        unlabelled=[],
        derived={},
    )
    run = Run(
        dataset="blobs",
        experiment="net",
        network="unet",
        options=NET,
        head="semantic",
        train=Train(),
        predict=Predict(),
        decode=Decode(),
    )
    parts = {
        "run": run,
        "plan": plan,
        "fold": 0,
        "seed": 0,
        "cases": FoldCases({}, None, ["b", "c"], ["a"]),
        "segmenter": build_segmenter("unet", NET, spatial_dims=2, in_channels=1, n_classes=1),
        "shape": PatchShape((32, 32), 0),
        "folder": Path("out"),
        "digests": {"code": "c0de", "data": "da7a"},
    }
    return Training(**{**parts, **changes})


def rule_digest():
    head = registry.HEADS["semantic"].module
    return code_digest("septum.stages.train.stage", network_module("unet"), head)


def test_an_edit_of_what_comes_after_the_weights_or_looks_on_keeps_the_epochs(source):
    fingerprint, rule = training().fingerprint(), rule_digest()
    edit(source, "stages/tune/decoder", "stages/tune/stage", "stages/tune/coordinate_descent")
    edit(source, "decoding/decode", "decoding/base", "decoding/components", "decoding/watershed")
    edit(source, "decoding/flows", "decoding/stars", "decoding/objects", "decoding/scene")
    edit(source, "inference/predictor", "inference/tiling", "inference/tile_grid")
    edit(source, "inference/merge_tiles", "inference/ensemble", "stages/predict/jobs")
    edit(source, "instances/necks", "metrics/panoptic")
    # the rule that trains does not even look at its checkpoints
    assert rule_digest() == rule
    assert training().fingerprint() == fingerprint
    edit(source, "networks/model_file", "networks/model_header", "stages/train/stage")
    assert rule_digest() != rule
    edit(source, "stages/train/progress", "stages/train/history", "io/usage", "io/lock")
    edit(source, "config/config", "workflow/discovery", "networks/dense_unet")
    assert training().fingerprint() == fingerprint


def test_an_edit_of_what_decides_the_weights_starts_anew(source):
    seen = {training().fingerprint()}
    names = ["epochs", "loaders", "patches", "crop", "module", "trainer", "checkpoints"]
    modules = [f"stages/train/{name}" for name in (*names, "validation", "initial_weights")]
    modules += ["data/windows", "augmentation/patch_transforms", "losses/logits", "networks/unet"]
    for n, module in enumerate(modules, start=2):
        edit(source, module)
        seen.add(training().fingerprint())
        assert len(seen) == n, module


def test_of_what_is_looked_up_the_head_and_the_network_that_are_used_count(source):
    fingerprint = training().fingerprint()
    edit(source, "config/registry", "heads/flows", "heads/border", "networks/unetpp")
    edit(source, "data/readers/tiff", "data/writers/coco", "decoding/components")
    assert training().fingerprint() == fingerprint
    edit(source, "heads/semantic")
    assert training().fingerprint() != fingerprint


def test_all_code_that_a_training_loads_counts_but_for_what_gives_values():
    code = f"import sys, {WEIGHTS_CODE}; print(*(m for m in sys.modules if 'septum' in m))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    counted = reachable(WEIGHTS_CODE, without=VALUES_CODE)
    assert {"septum.stages.train.module", "septum.data.windows"} <= set(loaded) & counted
    values = reachable(*VALUES_CODE)
    assert set(loaded) - {"septum.config.registry"} <= counted | values
    values = {f"septum.config.{name}" for name in ("schema", "config", "demo_cases")}
    assert not counted & values


def test_data_seed_and_settings_count_and_the_stages_own_digest_does_not():
    base = training().fingerprint()
    assert training(digests={"code": "other", "data": "da7a"}).fingerprint() == base
    assert training(digests={"code": "c0de", "data": "other"}).fingerprint() != base
    assert training(seed=1).fingerprint() != base
    assert training(shape=PatchShape((64, 64), 0)).fingerprint() != base
    run = training().run
    slower = run.model_copy(update={"train": Train(lr=1e-4)})
    assert training(run=slower).fingerprint() != base
    elsewhere = run.model_copy(update={"train": Train(device="cpu", workers=3)})
    assert training(run=elsewhere).fingerprint() == base
