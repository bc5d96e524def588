"""The training stage: one network on one fold of one dataset, to one file of weights."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from lightning.pytorch.utilities import rank_zero_only

from septum.config.schema import Run
from septum.data.plan import Plan
from septum.io.lock import exclusive
from septum.io.usage import COSTS_FILE, TrainingCosts, write_costs
from septum.networks.model_file import save_model
from septum.networks.model_header import ModelHeader, TrainingRecord
from septum.stages.train.checkpoints import Progress, find_progress, read_weights
from septum.stages.train.epochs import run_epochs, set_up
from septum.stages.train.job import Training
from septum.stages.train.progress import Recorder

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
    start: Path | None = None,
    progress: bool = True,
) -> None:
    """Train one network on one fold, going on from its last checkpoint where there is one.

    On a CPU, a training that was interrupted, however, ends with the same file, byte for byte,
    as an undisturbed one (same machine and number of threads).

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
        The weights, written last, in the format of a model file without a decoder
        (`septum.stages.tune.stage` adds it). Beside it: ``history.csv``, ``curves.png``,
        ``costs.json`` (`septum.io.usage.TrainingCosts`), ``checkpoints/``, ``tensorboard/``.
    digests : mapping
        Kept in the file, where the digest of the data joins them. A checkpoint is gone
        on from where all that decides the weights is the same (`Training.fingerprint`).
    start : Path, optional
        The weights that ``run.pretrained`` or ``run.start_from`` names: a checkpoint, or the
        other experiment's weights (`septum.stages.train.initial_weights.load_start`).
    progress : bool
        Whether to write a line an epoch to stderr.

    Raises
    ------
    SeptumError
        Whatever a user can put right: no GPU where one is demanded, no cases, a diverging loss,
        another process that still trains here.
    KeyboardInterrupt, SystemExit
        After Ctrl-C and SIGTERM; the last checkpoint lies there whole.
    """
    training = set_up(
        run=run,
        plan=plan,
        cases=cases,
        copies=copies,
        weights=weights,
        fold=fold,
        seed=seed,
        folder=Path(out).parent,
        digests=digests,
        start=start,
    )
    # the processes of the other devices are children of the first, and write nothing
    first = rank_zero_only.rank == 0
    with exclusive(training.folder, "a training") if first else nullcontext():
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
            done = run_epochs(training, done, recorder)
        if first:
            recorder.finish()
            _write_costs(training, recorder)
            _finish(training, done, Path(out))


def _so_far(training: Training) -> Progress:
    """Return how far an earlier run came; clear away what belongs to another training."""
    checkpoints = training.folder / "checkpoints"
    done = find_progress(checkpoints, training.fingerprint())
    if done is not None and done.epochs:
        log.info("going on after epoch %d of %d", done.epochs, training.run.train.epochs)
        return done
    if done is not None:
        log.info("settings, data or code changed since the last checkpoint: starting anew")
    if rank_zero_only.rank == 0:
        for folder in (checkpoints, training.folder / "tensorboard"):
            shutil.rmtree(folder, ignore_errors=True)
    return Progress()


def _write_costs(training: Training, recorder: Recorder) -> None:
    """Write what the training took; its history has the epochs of every part of it."""
    costs = TrainingCosts(
        **recorder.usage.model_dump(),
        training_s=sum(row["seconds"] for row in recorder.rows),
        parameters=sum(p.numel() for p in training.segmenter.parameters()),
    )
    write_costs(training.folder / COSTS_FILE, costs)


def _finish(training: Training, done: Progress, out: Path) -> None:
    """Write the best weights, with all that is known of them but a decoder."""
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
        intensities=plan.normalisation,
        spacing=plan.spacing,
        unit=plan.unit,
        patch=training.shape.size,
        digests=training.digests,
        trained=TrainingRecord(
            dataset=plan.dataset,
            experiment=run.experiment,
            fold=training.fold,
            seed=training.seed,
            start=training.start,
            cases=len(training.cases.train),
            flip=run.train.flip,
            rotate=run.train.rotate,
            epochs=done.epochs,
            best_epoch=done.best_epoch,
            best=max(done.best_score[0], 0.0),
        ),
    )
    save_model(out, state, header)
