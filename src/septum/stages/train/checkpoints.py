"""Checkpoints of a training: the best weights, the last state, and whether to go on from it.

Both lie in ``checkpoints/`` beside the model file, outside the outputs a workflow declares
(which it deletes before a job and after a failed one). ``best.safetensors`` holds the averaged
weights of the best epoch; ``last.ckpt`` all that the next epoch depends on. The best is written
first, so that a run killed between the two repeats the epoch and writes the same again.
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

BEST, LAST = "best.safetensors", "last.ckpt"
HISTORY = "history.csv"


@dataclass(frozen=True)
class Progress:
    """How far a training has come.

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
        """Say whether nothing is left to train."""
        stale = self.epochs - self.best_epoch
        return self.epochs >= epochs or (patience > 0 and stale >= patience)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's reading of checkpoints, with our writing: whole, on the disk, or not at all."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint, replacing an older one."""
        with atomic_path(path) as temporary:
            torch.save(checkpoint, temporary)


class Checkpoints(lightning.Callback):
    """Writes both checkpoints, and ends a training that no longer gets better.

    An epoch is better than another by its foreground IoU, and at equal IoU by its loss.

    Parameters
    ----------
    folder : Path
        Where the checkpoints lie.
    fingerprint : str
        Of everything the training depends on; kept in the last checkpoint.
    progress : Progress
        Where this run begins.
    epochs, patience : int
        When to end; a patience of 0 never ends early.
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
        """Keep the weights if they are the best so far (they are the averaged ones here)."""
        before = self.progress
        epoch = before.epochs + 1
        iou, loss = pl_module.val_iou, pl_module.val_loss
        score = (iou if math.isfinite(iou) else -1.0, -loss)
        if not before.best_epoch or score > before.best_score:
            self.progress = Progress(epoch, epoch, score)
            if trainer.is_global_zero:
                _write_weights(self.folder / BEST, pl_module.segmenter.state_dict())
        else:
            self.progress = Progress(epoch, before.best_epoch, before.best_score)

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Write the state from which the next epoch goes on."""
        trainer.save_checkpoint(self.folder / LAST)
        if self.progress.is_over(self.epochs, self.patience):
            trainer.should_stop = True

    def on_save_checkpoint(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        """Add the fingerprint and the progress."""
        p = self.progress
        checkpoint["septum"] = {
            "fingerprint": self.fingerprint,
            "progress": [p.epochs, p.best_epoch, *p.best_score],
        }


def find_progress(folder: Path, fingerprint: str) -> Progress | None:
    """Return how far an earlier run of the same training came, or None if there was none.

    Parameters
    ----------
    folder : Path
        Where the checkpoints lie.
    fingerprint : str
        A checkpoint with another one belongs to other settings, data or code.

    Returns
    -------
    Progress or None
        Zero epochs where there is a checkpoint, but of another training or not all of it.

    Raises
    ------
    SeptumError
        If the checkpoint is damaged.
    """
    path = folder / LAST
    if not path.exists():
        return None
    try:
        own = torch.load(path, map_location="cpu", weights_only=True, mmap=True)["septum"]
        epochs, best_epoch, *best_score = own["progress"]
    except Exception as error:  # torch.load raises what its parts raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise problem(
            path,
            f"is damaged ({reason})",
            "delete the folder of checkpoints; the training starts anew",
        ) from error
    whole = all((folder / name).exists() for name in (BEST, HISTORY))
    if own["fingerprint"] != fingerprint or not whole:
        return Progress()
    return Progress(epochs, best_epoch, tuple(best_score))


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Return the best weights, on the CPU."""
    return load_file(folder / BEST)


def _write_weights(path: Path, state: dict[str, Tensor]) -> None:
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(plain))
