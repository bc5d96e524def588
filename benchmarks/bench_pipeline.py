"""Training on patches cut and augmented as it goes, against the same on tensors in memory.

Both sides are the same network, the same Lightning loop and the same batches in number and
size; only where a batch comes from differs. The peer's batches were made before the clock
starts. Times are of a training step, the median of many.
"""

from __future__ import annotations

import copy
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import lightning.pytorch as lightning
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from septum.config.schema import ClassSpec, Decode, PercentileScaling, Predict, Run, Train
from septum.data import store
from septum.data.fold_cases import find_fold_cases
from septum.data.intensity import statistics as intensities
from septum.data.plan import Plan, PlannedWeights
from septum.io.zarr_arrays import write_array
from septum.networks.segmenter import build_segmenter
from septum.stages.train.checkpoints import Checkpoints, Progress
from septum.stages.train.job import Training
from septum.stages.train.loaders import loaders
from septum.stages.train.module import AveragedWeights, TrainingLoop
from septum.stages.train.patches import patch_shape
from septum.stages.train.progress import Recorder
from septum.stages.train.trainer import choose_workers, fit

ROUNDS = 3
CASES = 8
GPU = torch.cuda.is_available()

# name, image size, patch, patches a batch, network width, batches an epoch
FRAMES = [
    ("2-D 128², U-Net", (512, 512), (128, 128), 8, 24, 200 if GPU else 12),
    ("3-D 32×64×64, U-Net", (64, 160, 160), (32, 64, 64), 2, 16, 100 if GPU else 4),
]


def plan_of(size: Sequence[int], patch: Sequence[int]) -> Plan:
    names = [f"case {i}" for i in range(CASES)]
    return Plan(
        dataset="bench",
        spatial_dims=len(size),
        in_channels=1,
        spacing=(1.0,) * len(size),
        unit="pixel",
        annotation="instance",
        classes={1: ClassSpec(name="object")},
        normalisation=PercentileScaling(lower=1.0, upper=99.8),
        patch=tuple(patch),
        weights=PlannedWeights(sigma=5.0, class_weights={}),
        min_size=0,
        fingerprint={},
        test=[],
        folds=[names[:1], names[1:2]],
        train=names[2:],
        unlabelled=[],
        derived={},
    )


def write_cases(folder: Path, plan: Plan, size: Sequence[int]) -> None:
    random = np.random.default_rng(0)
    for name in [*plan.train, *plan.folds[0], *plan.folds[1]]:
        coarse = random.random([-(-n // 16) for n in size]) > 0.6
        objects = np.arange(1, coarse.size + 1, dtype=np.uint32).reshape(coarse.shape) * coarse
        for axis, n in enumerate(size):
            objects = np.repeat(objects, 16, axis).take(range(n), axis)
        image = (random.normal(80, 20, size) + 60 * (objects > 0)).clip(0, 255).astype(np.uint8)
        geometry = store.Geometry(plan.spacing)
        case = store.Case(
            name, image[None], objects > 0, objects, geometry, intensities(image[None])
        )
        store.write_case(store.case_path(folder / "cases", name), case)
        path = store.case_path(folder / "weights", name)
        write_array(path, "weights", random.random(size, np.float32), attributes={"name": name})


class Clock(lightning.Callback):
    """Times steps, from the end of one to the end of the next: fetching included."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.last: float | None = None

    def on_train_batch_end(self, *_) -> None:
        """Note the time since the last step of this epoch."""
        now = time.perf_counter()
        if self.last is not None:
            self.steps.append(now - self.last)
        self.last = now

    def on_train_epoch_end(self, *_) -> None:
        """Do not count what lies between two epochs."""
        self.last = None


def step_seconds(training: Training, source: DataLoader, valid: DataLoader, name: str) -> float:
    """Train for a few epochs; return the median time of a step, those of the first left out."""
    settings, folder = training.run.train, training.folder / name
    clock = Clock()
    checkpoints = folder / "checkpoints"
    fit(
        TrainingLoop(copy.deepcopy(training.segmenter), settings, 2, (name,)),
        source,
        valid,
        settings=settings,
        folder=folder,
        callbacks=[
            clock,
            Recorder(folder, name, epochs=ROUNDS, done=0, patches=training.patches, progress=False),
            Checkpoints(checkpoints, name, Progress(), epochs=ROUNDS, patience=0),
            AveragedWeights(settings.ema),
        ],
        resume=False,
    )
    return statistics.median(clock.steps[settings.steps - 1 :])


def batches(source: DataLoader) -> list[dict[str, Tensor]]:
    return [{k: v.clone() for k, v in batch.items()} for batch in source]


def run() -> Iterator[dict]:
    for name, size, patch, batch, width, steps in FRAMES:
        plan = plan_of(size, patch)
        options = {"padded": True, "norm": "batch", "depth": 3, "width": width}
        run_ = Run(
            dataset="bench",
            experiment="unet",
            network="unet",
            options=options,
            head="semantic",
            train=Train(epochs=ROUNDS, steps=steps, batch=batch),
            predict=Predict(),
            decode=Decode(),
        )
        segmenter = build_segmenter(
            "unet", options, spatial_dims=len(size), in_channels=1, n_classes=1
        )
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            write_cases(folder, plan, size)
            training = Training(
                run=run_,
                plan=plan,
                fold=0,
                seed=0,
                cases=find_fold_cases(
                    plan, 0, cases=[folder / "cases"], copies=[], weights=[folder / "weights"]
                ),
                segmenter=segmenter,
                shape=patch_shape(segmenter, patch, len(size)),
                folder=folder,
                digests={},
            )
            source, valid = loaders(training, 0)
            ready = DataLoader(batches(source), batch_size=None, pin_memory=GPU)
            peer = step_seconds(training, ready, valid, "memory")
            ours = step_seconds(training, source, valid, "real")
            peer = (peer + step_seconds(training, ready, valid, "memory again")) / 2
            workers = choose_workers(run_.train, "cuda" if GPU else "cpu")
        weights = sum(p.numel() for p in segmenter.parameters())
        rate = batch / ours
        yield {
            "name": name,
            "ours_s": ours,
            "peer_s": peer,
            "ratio": ours / peer,
            # images/s of at least 0.95
            "target": 1 / 0.95,
            "note": f"images/s ratio {peer / ours:.3f}; {rate:.3g} patches/s, {weights:,} weights, "
            f"{workers} workers",
        }
