"""Batches of training and of validation patches."""

from __future__ import annotations

import sys
from functools import partial

from lightning.pytorch.utilities import rank_zero_only
from torch.utils.data import DataLoader, Dataset, DistributedSampler, Sampler

from septum.augmentation.patch_transforms import Augmentation
from septum.heads.base import head_class
from septum.networks.device import choose_device
from septum.stages.train.cases import fits_in_memory, load_training_cases
from septum.stages.train.job import Training
from septum.stages.train.patches import PatchDataset, PatchSampler
from septum.stages.train.trainer import choose_devices, choose_workers
from septum.stages.train.validation import GridPatches, patch_limit

# How loader processes are started. Forks share the parent's arrays; elsewhere the system's
# default is used (on macOS, a new process that is sent a copy).
WORKER_START_METHOD = "fork" if sys.platform == "linux" else None


def loaders(training: Training, epoch: int) -> tuple[DataLoader, DataLoader]:
    """Return the loaders of the training patches and of the validation patches."""
    settings, plan, cases = training.run.train, training.plan, training.cases
    device = choose_device(settings.device, "train.device")
    rank, world = rank_zero_only.rank, choose_devices(settings, device)
    workers = choose_workers(settings, device)
    head = head_class(training.run.head)(plan.classes)
    load = partial(
        load_training_cases,
        cases,
        head=head,
        scheme=plan.normalisation,
        seed_parts=training.seed_parts,
        in_memory=fits_in_memory(
            [cases.paths[name] for name in [*cases.train, *cases.validation]],
            weights=cases.weights is not None,
            instances=head.regression is not None,
            copies=copies_in_memory(world, workers),
        ),
    )
    training_patches = PatchDataset(
        load(cases.train),
        training.shape,
        _augmentation(training),
        foreground=settings.foreground,
        scheme=plan.normalisation,
        length=training.patches,
        seed_parts=training.seed_parts,
        regression=head.regression,
    )
    validation_patches = GridPatches(
        load(cases.validation),
        training.shape,
        plan.normalisation,
        limit=patch_limit(training.patches),
        seed_parts=training.seed_parts,
        regression=head.regression,
        spacing=plan.spacing,
    )
    batches = partial(loader, batch=settings.batch // world, pin=device == "cuda")
    training_sampler = PatchSampler(training.patches, epoch=epoch, rank=rank, world=world)
    validation_sampler = DistributedSampler(
        validation_patches, num_replicas=world, rank=rank, shuffle=False
    )
    return batches(training_patches, training_sampler, workers=workers), batches(
        validation_patches, validation_sampler, workers=0
    )


def copies_in_memory(world: int, workers: int) -> int:
    """Return the number of processes of this machine that each hold a copy of the cases.

    Parameters
    ----------
    world : int
        Number of devices; each has a process.
    workers : int
        Number of loader processes of each device, which hold copies unless they are forks.
    """
    return world if WORKER_START_METHOD == "fork" else world * (1 + workers)


def loader(
    dataset: Dataset, sampler: Sampler, *, batch: int, workers: int, pin: bool
) -> DataLoader:
    """Return a loader of batches."""
    return DataLoader(
        dataset,
        batch,
        sampler=sampler,
        num_workers=workers,
        persistent_workers=workers > 0,
        multiprocessing_context=WORKER_START_METHOD if workers else None,
        pin_memory=pin,
    )


def _augmentation(training: Training) -> Augmentation:
    settings = training.run.train
    return Augmentation(
        training.shape.size,
        training.plan.spacing,
        flip=settings.flip,
        rotate=settings.rotate,
        scale=settings.scale,
        intensity=settings.intensity,
        noise=settings.noise,
    )
