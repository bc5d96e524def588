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
    """Train one network on one fold, resuming from its last checkpoint if there is one.

    On a CPU, a training that was interrupted in any way ends with the same file, byte for byte,
    as an undisturbed one (on the same machine and with the same number of threads).

    Parameters
    ----------
    run : Run
        Settings of the experiment.
    plan : Plan
        Plan of the dataset.
    cases, copies, weights : sequence of Path
        Batch folders of canonical cases, of their elastic copies, and of weight maps (which are
        not read if ``train.border_weights`` is off).
    fold : int
        The fold whose cases are used for validation. The cases of the other folds, and their
        copies, are used for training.
    seed : int
        Seed of the configuration.
    out : Path
        File of the weights, written last, in the format of a model file without a decoder
        (`septum.stages.tune.stage` adds it). Beside it are written ``history.csv``,
        ``curves.png``, ``costs.json`` (`septum.io.usage.TrainingCosts`), ``checkpoints/`` and
        ``tensorboard/``.
    digests : mapping
        Digests to store in the file, to which that of the data is added. A training is resumed
        if everything that the weights depend on is unchanged (`Training.fingerprint`).
    start : Path, optional
        The weights that ``run.pretrained`` or ``run.start_from`` names: a checkpoint, or the
        other experiment's weights (`septum.stages.train.initial_weights.load_start`).
    progress : bool
        Whether to write a line an epoch to stderr.

    Raises
    ------
    SeptumError
        If a GPU is demanded and there is none, if there are no cases, if the loss diverges, or
        if another process trains in the same folder.
    KeyboardInterrupt, SystemExit
        After Ctrl-C and SIGTERM; the last checkpoint is complete.
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
    """Return the progress of an earlier run; remove the files of another training."""
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
    """Write the costs of the training, including those of parts before an interruption."""
    costs = TrainingCosts(
        **recorder.usage.model_dump(),
        training_s=sum(row["seconds"] for row in recorder.rows),
        parameters=sum(p.numel() for p in training.segmenter.parameters()),
    )
    write_costs(training.folder / COSTS_FILE, costs)


def _finish(training: Training, done: Progress, out: Path) -> None:
    """Write the best weights, with their header, which has no decoder yet."""
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
