"""Batches of training and of validation patches."""

from __future__ import annotations

import sys

from lightning.pytorch.utilities import rank_zero_only
from torch.utils.data import DataLoader, Dataset, DistributedSampler, Sampler

from septum.device import choose_device
from septum.heads import HEADS
from septum.patches import PatchDataset, PatchSampler
from septum.trainer import choose_devices, choose_workers
from septum.trainingjob import Training
from septum.trainingset import fits_in_memory, load_training_cases
from septum.transforms import Augmentation
from septum.validation import GridPatches, patch_limit


def loaders(training: Training, epoch: int) -> tuple[DataLoader, DataLoader]:
    """Return the loaders of the training and of the validation patches."""
    settings, plan, cases = training.run.train, training.plan, training.cases
    common = {
        "head": HEADS[training.run.head](plan.classes),
        "scheme": plan.normalisation,
        "seed_parts": training.seed_parts,
        "in_memory": fits_in_memory(
            [cases.paths[name] for name in [*cases.train, *cases.validation]],
            weights=cases.weights is not None,
        ),
    }
    augmentation = Augmentation(
        training.shape.size,
        plan.spacing,
        flip=settings.flip,
        rotate=settings.rotate,
        scale=settings.scale,
        intensity=settings.intensity,
        noise=settings.noise,
    )
    patches = PatchDataset(
        load_training_cases(cases, cases.train, **common),
        training.shape,
        augmentation,
        foreground=settings.foreground,
        scheme=plan.normalisation,
        length=training.patches,
        seed_parts=training.seed_parts,
    )
    grid = GridPatches(
        load_training_cases(cases, cases.validation, **common),
        training.shape,
        plan.normalisation,
        limit=patch_limit(training.patches),
        seed_parts=training.seed_parts,
    )
    device = choose_device(settings.device, "train.device")
    rank, world = rank_zero_only.rank, choose_devices(settings, device)
    sampler = PatchSampler(training.patches, epoch=epoch, rank=rank, world=world)
    workers, batch = choose_workers(settings, device), settings.batch // world
    every = DistributedSampler(grid, num_replicas=world, rank=rank, shuffle=False)
    return (
        loader(patches, sampler, batch, workers=workers, pin=device == "cuda"),
        loader(grid, every, batch, workers=0, pin=device == "cuda"),
    )


def loader(
    dataset: Dataset, sampler: Sampler, batch: int, *, workers: int, pin: bool
) -> DataLoader:
    """Return a loader of batches; its processes share the cases that are held in memory."""
    # forked processes see the parent's arrays without a copy; elsewhere the system decides
    context = "fork" if workers and sys.platform == "linux" else None
    return DataLoader(
        dataset,
        batch,
        sampler=sampler,
        num_workers=workers,
        persistent_workers=workers > 0,
        multiprocessing_context=context,
        pin_memory=pin,
    )
