"""Checkpoints of a training: the best weights, the last state, and how to resume from it.

Both lie in ``checkpoints/`` beside the weights file. They are no outputs of the workflow, which
deletes those before a job and after a failed one. ``best.safetensors`` holds the averaged
weights of the best epoch, ``last.ckpt`` the whole state that the next epoch starts from. The
best weights are written first, so that a run killed between the two writes repeats the epoch
and writes the same weights again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from safetensors.torch import load_file, save
from torch import Tensor

from septum.errors import problem
from septum.io.atomic import atomic_path

BEST_WEIGHTS_FILE, LAST_CHECKPOINT_FILE = "best.safetensors", "last.ckpt"
HISTORY_FILE = "history.csv"


@dataclass(frozen=True)
class Progress:
    """The number of epochs that a training has completed, and the best of them.

    Parameters
    ----------
    epochs : int
        Epochs completed.
    best_epoch : int
        The epoch of the best weights, from 1; 0 before the first.
    best_score : tuple of float
        Its foreground IoU (-1 where there was no foreground) and negative loss.
    """

    epochs: int = 0
    best_epoch: int = 0
    best_score: tuple[float, float] = (-math.inf, -math.inf)

    def is_over(self, epochs: int, patience: int) -> bool:
        """Return whether the training has ended."""
        stale = self.epochs - self.best_epoch
        return self.epochs >= epochs or (patience > 0 and stale >= patience)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's plugin for checkpoints, with atomic writes."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint, replacing an older one."""
        with atomic_path(path) as temporary:
            torch.save(checkpoint, temporary)


class Checkpoints(lightning.Callback):
    """Write both checkpoints, and end a training that no longer improves.

    Epochs are compared by their foreground IoU, and at equal IoU by their loss.

    Parameters
    ----------
    folder : Path
        Folder of the checkpoints.
    fingerprint : str
        Digest of everything the training depends on; stored in the last checkpoint.
    progress : Progress
        Progress of earlier runs, from which this run goes on.
    epochs : int
        Number of epochs of the whole training.
    patience : int
        Number of epochs without improvement after which it ends; 0 never ends it early.
    """

    def __init__(
        self, folder: Path, fingerprint: str, progress: Progress, *, epochs: int, patience: int
    ) -> None:
        self.folder = folder
        self.fingerprint = fingerprint
        self.progress = progress
        self.epochs = epochs
        self.patience = patience

    def on_validation_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Write the weights, which are the averaged ones here, if they are the best so far."""
        before = self.progress
        epoch = before.epochs + 1
        iou, loss = pl_module.val_iou, pl_module.val_loss
        score = (iou if math.isfinite(iou) else -1.0, -loss)
        if not before.best_epoch or score > before.best_score:
            self.progress = Progress(epoch, epoch, score)
            if trainer.is_global_zero:
                _write_weights(self.folder / BEST_WEIGHTS_FILE, pl_module.segmenter.state_dict())
        else:
            self.progress = Progress(epoch, before.best_epoch, before.best_score)

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Write the state from which the next epoch starts."""
        trainer.save_checkpoint(self.folder / LAST_CHECKPOINT_FILE)
        if self.progress.is_over(self.epochs, self.patience):
            trainer.should_stop = True

    def on_save_checkpoint(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        """Add the fingerprint and the progress to a checkpoint."""
        p = self.progress
        checkpoint["septum"] = {
            "fingerprint": self.fingerprint,
            "progress": [p.epochs, p.best_epoch, *p.best_score],
        }


def find_progress(folder: Path, fingerprint: str) -> Progress | None:
    """Return the progress of an earlier run of the same training.

    Parameters
    ----------
    folder : Path
        Folder of the checkpoints.
    fingerprint : str
        Digest of this training; a checkpoint with a different one belongs to other settings,
        data or code.

    Returns
    -------
    Progress or None
        None if there is no checkpoint; zero epochs if it belongs to another training, or if a
        file beside it is missing.

    Raises
    ------
    SeptumError
        If the checkpoint is damaged.
    """
    path = folder / LAST_CHECKPOINT_FILE
    if not path.exists():
        return None
    try:
        record = torch.load(path, map_location="cpu", weights_only=True, mmap=True)["septum"]
        epochs, best_epoch, *best_score = record["progress"]
    except Exception as error:  # torch.load raises exceptions of many types
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise problem(
            path,
            f"is damaged ({reason})",
            "delete the folder of checkpoints; the training starts anew",
        ) from error
    complete = all((folder / name).exists() for name in (BEST_WEIGHTS_FILE, HISTORY_FILE))
    if record["fingerprint"] != fingerprint or not complete:
        return Progress()
    return Progress(epochs, best_epoch, tuple(best_score))


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Return the best weights, on the CPU."""
    return load_file(folder / BEST_WEIGHTS_FILE)


def _write_weights(path: Path, state: dict[str, Tensor]) -> None:
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(plain))
