"""The epochs of a training: from its settings and cases to the best weights.

All code that the weights depend on is imported from here. Code that runs after the training (the
weights file) or only observes it (the recorder) is not. A training starts anew if this code
changes, and only then (`septum.stages.train.job`).
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
    """Return a training whose network has its initial weights; nothing is written.

    The parameters are those of `septum.stages.train.stage.train`, but for ``folder``, the folder
    of the outputs.
    """
    choose_devices(run.train, choose_device(run.train.device, "train.device"))
    maps = weights if run.train.border_weights else None
    fold_cases = find_fold_cases(plan, fold, cases=cases, copies=copies, weights=maps)
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
    started = {} if origin is None else {"start": origin.sha256}
    patch = plan.patch if run.train.patch == "auto" else run.train.patch
    return Training(
        run=run,
        plan=plan,
        fold=fold,
        seed=seed,
        cases=fold_cases,
        segmenter=segmenter,
        shape=patch_shape(segmenter, patch, plan.spatial_dims),
        folder=folder,
        digests={**digests, "data": data_digest(fold_cases.files()), **started},
        start=origin,
    )


def run_epochs(training: Training, done: Progress, recorder: lightning.Callback) -> Progress:
    """Train the remaining epochs; the best weights are kept in the checkpoints.

    Parameters
    ----------
    training : Training
    done : Progress
        Progress of earlier runs, from whose last checkpoint the training is resumed.
    recorder : lightning.Callback
        Observes the training.

    Returns
    -------
    Progress
        The progress including these epochs.
    """
    settings = training.run.train
    checkpoints = Checkpoints(
        training.folder / "checkpoints",
        training.fingerprint(),
        done,
        epochs=settings.epochs,
        patience=settings.patience,
    )
    # the last callback swaps the averaged weights out after the others have run at a validation
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
