"""The epochs of a training: from its settings and cases to the best weights.

All code that decides the weights is reached by imports from here, and what only comes after
them (tuning, the model file) or looks on (the recorder) is not: a change of this code, and of
no other, makes a training start anew (`septum.stages.train.job`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import lightning.pytorch as lightning

from septum.config.schema import Run
from septum.data.fold_cases import find_fold_cases
from septum.data.plan import Plan
from septum.heads.base import head_class
from septum.io.data_digest import data_digest
from septum.networks.create import check_options, fitted_options
from septum.networks.device import choose_device
from septum.networks.segmenter import build_segmenter
from septum.seeds import seed_of
from septum.stages.train.checkpoints import Checkpoints, Progress
from septum.stages.train.initial_weights import load_start
from septum.stages.train.job import Training
from septum.stages.train.loaders import loaders
from septum.stages.train.module import AveragedWeights, TrainingLoop
from septum.stages.train.patches import patch_shape
from septum.stages.train.trainer import choose_devices, fit


def set_up(
    *,
    run: Run,
    plan: Plan,
    cases: Sequence[Path],
    copies: Sequence[Path],
    weights: Sequence[Path],
    fold: int,
    seed: int,
    folder: Path,
    digests: Mapping[str, str],
    start: Path | None = None,
) -> Training:
    """Return a training, its network with its initial weights; nothing is written.

    The parameters are those of `septum.stages.train.stage.train`, but for ``folder``, where its
    outputs will lie.
    """
    choose_devices(run.train, choose_device(run.train.device, "train.device"))
    maps = weights if run.train.border_weights else None
    found = find_fold_cases(plan, fold, cases=cases, copies=copies, weights=maps)
    where = f"experiments.{run.experiment}.options"
    options = fitted_options(run.network, run.options, plan.diameters, plan.spacing)
    run = run.model_copy(update={"options": options})
    segmenter = build_segmenter(
        run.network,
        check_options(run.network, run.options, where=where),
        spatial_dims=plan.spatial_dims,
        in_channels=plan.in_channels,
        n_classes=len(plan.classes),
        head=run.head,
        cross_entropy=run.train.cross_entropy,
        dice=run.train.dice,
        seed=seed_of(seed, plan.dataset, run.experiment, fold),
    )
    origin = load_start(segmenter, run, start)
    started = {} if origin is None else {"start": origin["sha256"]}
    patch = plan.patch if run.train.patch == "auto" else run.train.patch
    return Training(
        run=run,
        plan=plan,
        fold=fold,
        seed=seed,
        cases=found,
        segmenter=segmenter,
        shape=patch_shape(segmenter, patch, plan.spatial_dims),
        folder=folder,
        digests={**digests, "data": data_digest(found.files()), **started},
        start=origin,
    )


def run_epochs(training: Training, done: Progress, recorder: lightning.Callback) -> Progress:
    """Train the epochs that are left; `septum.stages.train.checkpoints` has the best weights then.

    Parameters
    ----------
    training : Training
    done : Progress
        Of earlier runs, whose last checkpoint is gone on from.
    recorder : lightning.Callback
        Looks on.

    Returns
    -------
    Progress
        With these epochs.
    """
    settings = training.run.train
    checkpoints = Checkpoints(
        training.folder / "checkpoints",
        training.fingerprint(),
        done,
        epochs=settings.epochs,
        patience=settings.patience,
    )
    # a validation's averaged weights are swapped out by the last of these callbacks
    callbacks = [recorder, checkpoints]
    callbacks += [AveragedWeights(settings.ema)] if settings.ema else []
    n_channels = head_class(training.run.head).channels(len(training.plan.classes))
    fit(
        TrainingLoop(training.segmenter, settings, n_channels, training.seed_parts),
        *loaders(training, done.epochs),
        settings=settings,
        folder=training.folder,
        callbacks=callbacks,
        resume=done.epochs > 0,
    )
    return checkpoints.progress
