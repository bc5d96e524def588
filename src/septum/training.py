"""The training stage: one network on one fold of one dataset, to one model file."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from lightning.pytorch.utilities import rank_zero_only

from septum.checkpoints import Checkpoints, Progress, find_progress, read_weights
from septum.config import Run
from septum.device import choose_device
from septum.foldcases import find_fold_cases
from septum.heads import HEADS
from septum.loaders import loaders
from septum.loop import AveragedWeights, TrainingLoop
from septum.modelfile import ModelHeader, save_model
from septum.patches import patch_shape
from septum.plan import Plan
from septum.recorder import Recorder
from septum.seeds import seed_of
from septum.segmenter import build_segmenter
from septum.trainer import choose_devices, fit
from septum.trainingjob import Training
from septum.trainingset import data_digest
from septum.tuning import tune_decoder

log = logging.getLogger(__name__)


def train(
    *,
    run: Run,
    plan: Plan,
    cases: Sequence[Path],
    copies: Sequence[Path],
    weights: Sequence[Path],
    fold: int,
    seed: int,
    out: Path,
    digests: Mapping[str, str],
    progress: bool = True,
) -> None:
    """Train one network on one fold, going on from its last checkpoint where there is one.

    On a CPU, a training that was interrupted, however, ends with the same model file, byte for
    byte, as an undisturbed one (same machine and number of threads).

    Parameters
    ----------
    run : Run
        The experiment's settings.
    plan : Plan
        The dataset's.
    cases, copies, weights : sequence of Path
        Batch folders of canonical cases, of their elastic copies, and of weight maps (which
        are not looked at where ``train.border_weights`` is off).
    fold : int
        Its cases are for validation; the training cases of the others, and their copies, are
        trained on.
    seed : int
        Of the configuration.
    out : Path
        The model file, written last. Beside it: ``history.csv``, ``curves.png``,
        ``checkpoints/``, ``tensorboard/``.
    digests : mapping
        Kept in the model file, where the digest of the data joins them. A checkpoint of other
        digests or settings is not resumed.
    progress : bool
        Whether to write a line an epoch to stderr.

    Raises
    ------
    SeptumError
        Whatever a user can put right: no GPU where one is demanded, no cases, a diverging loss.
    KeyboardInterrupt, SystemExit
        After Ctrl-C and SIGTERM; the last checkpoint lies there whole.
    """
    choose_devices(run.train, choose_device(run.train.device, "train.device"))
    maps = weights if run.train.border_weights else None
    found = find_fold_cases(plan, fold, cases=cases, copies=copies, weights=maps)
    segmenter = build_segmenter(
        run.network,
        run.options,
        spatial_dims=plan.spatial_dims,
        in_channels=plan.in_channels,
        n_classes=len(plan.classes),
        head=run.head,
        cross_entropy=run.train.cross_entropy,
        dice=run.train.dice,
        seed=seed_of(seed, plan.dataset, run.experiment, fold),
    )
    patch = plan.patch if run.train.patch == "auto" else run.train.patch
    training = Training(
        run=run,
        plan=plan,
        fold=fold,
        seed=seed,
        cases=found,
        segmenter=segmenter,
        shape=patch_shape(segmenter, patch, plan.spatial_dims),
        folder=Path(out).parent,
        digests={**digests, "data": data_digest(found.files())},
    )
    done = _so_far(training)
    recorder = Recorder(
        training.folder,
        f"{run.experiment} on {plan.dataset}, fold {fold}",
        epochs=run.train.epochs,
        done=done.epochs,
        patches=training.patches,
        progress=progress,
    )
    if not done.is_over(run.train.epochs, run.train.patience):
        done = _fit(training, done, recorder)
    if rank_zero_only.rank == 0:
        recorder.finish()
        _finish(training, done, Path(out))


def _so_far(training: Training) -> Progress:
    """Return how far an earlier run came; clear away what belongs to another training."""
    checkpoints = training.folder / "checkpoints"
    done = find_progress(checkpoints, training.fingerprint())
    if done is None or not done.epochs:
        if done is not None:
            log.info("settings, data or code changed since the last checkpoint: starting anew")
        for folder in (checkpoints, training.folder / "tensorboard"):
            shutil.rmtree(folder, ignore_errors=True)
        return Progress()
    log.info("going on after epoch %d of %d", done.epochs, training.run.train.epochs)
    return done


def _fit(training: Training, done: Progress, recorder: Recorder) -> Progress:
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
    n_channels = HEADS[training.run.head].channels(len(training.plan.classes))
    fit(
        TrainingLoop(training.segmenter, settings, n_channels, training.seed_parts),
        *loaders(training, done.epochs),
        settings=settings,
        folder=training.folder,
        callbacks=callbacks,
        resume=done.epochs > 0,
    )
    return checkpoints.progress


def _finish(training: Training, done: Progress, out: Path) -> None:
    """Tune the decoder on the validation cases, and write the model file."""
    run, plan = training.run, training.plan
    state = read_weights(training.folder / "checkpoints")
    training.segmenter.load_state_dict(state)
    header = ModelHeader(
        network=run.network,
        options=run.options,
        spatial_dims=plan.spatial_dims,
        in_channels=plan.in_channels,
        head=run.head,
        classes=plan.classes,
        annotation=plan.annotation,
        normalisation=plan.normalisation,
        spacing=plan.spacing,
        unit=plan.unit,
        patch=training.shape.size,
        predict=run.predict.model_dump(mode="json"),
        digests=training.digests,
        trained={
            "dataset": plan.dataset,
            "experiment": run.experiment,
            "fold": training.fold,
            "seed": training.seed,
            "cases": len(training.cases.train),
            "flip": run.train.flip,
            "rotate": run.train.rotate,
            "epochs": done.epochs,
            "best_epoch": done.best_epoch,
            "best": max(done.best_score[0], 0.0),
        },
    )
    decoder = tune_decoder(
        training.segmenter.to(choose_device(run.train.device, "train.device")),
        header,
        [training.cases.paths[name] for name in training.cases.validation],
        run.decode,
        min_size_default=plan.min_size,
    )
    save_model(out, state, header.model_copy(update={"decoder": decoder}))
