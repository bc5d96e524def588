"""Messages and records of a running training: time left, history, curves, logs."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, TextIO

import lightning.pytorch as lightning
import torch

from septum.io.usage import COSTS_FILE, Usage, read_costs, usage, write_costs
from septum.stages.train.checkpoints import HISTORY_FILE
from septum.stages.train.history import draw_curves, read_history, write_history

# Drawing the curves takes about a second, so that they are drawn at the end of a training, and
# before that at most once in so many seconds.
CURVES_INTERVAL_S = 60.0
# Seconds between two updates of the line on a terminal.
REFRESH_INTERVAL_S = 0.2


class Recorder(lightning.Callback):
    """Write history.csv and curves.png, TensorBoard scalars, and a line an epoch.

    A second copy of the history lies among the checkpoints, since a workflow deletes the one
    beside the weights file, an output of the job, before it starts the job again. The device and
    the peak memory (``usage``) are kept there as well, so that they cover all parts of a training
    that was interrupted.

    On a terminal the line of the running epoch is updated in place; a file (a cluster's log)
    gets one line an epoch.

    Parameters
    ----------
    folder : Path
        Folder of history.csv and curves.png.
    title : str
        Title of the curves.
    epochs : int
        Number of epochs of the whole training.
    done : int
        Number of epochs of earlier runs. Later rows of an old history are dropped, since their
        epochs are trained again.
    patches : int
        Number of patches an epoch.
    progress : bool
        Whether to write lines.
    stream : text stream, optional
        Where to write lines; stderr by default.
    """

    def __init__(
        self,
        folder: Path,
        title: str,
        *,
        epochs: int,
        done: int,
        patches: int,
        progress: bool,
        stream: TextIO | None = None,
    ) -> None:
        self.history = folder / HISTORY_FILE
        self.kept_history = folder / "checkpoints" / HISTORY_FILE
        self.curves = folder / "curves.png"
        self.title = title
        self.epochs = epochs
        self.patches = patches
        self.progress = progress
        self.stream = sys.stderr if stream is None else stream
        self.rows = (
            [r for r in read_history(self.kept_history) if r["epoch"] <= done] if done else []
        )
        self.kept_usage = folder / "checkpoints" / COSTS_FILE
        # earlier versions wrote no costs among the checkpoints
        has_costs = bool(done) and self.kept_usage.exists()
        self.earlier = read_costs(self.kept_usage, Usage) if has_costs else None
        self.usage = self.earlier or Usage()
        self._spent: list[float] = []
        self._began = self._trained = self._drawn = self._shown = 0.0

    def on_train_epoch_start(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Update the line on a terminal."""
        now = time.perf_counter()
        if not self._on_terminal(trainer) or now - self._shown < REFRESH_INTERVAL_S:
            return
        self._shown = now
        share = (batch_idx + 1) / trainer.num_training_batches
        rate = share * self.patches / max(now - self._began, 1e-9)
        left = self._left(trainer.current_epoch, share, now - self._began)
        self._write(
            f"\r{self._epoch(trainer.current_epoch + 1)}  {share:4.0%}  {rate:.3g} img/s  {left}",
            end="",
        )

    def on_validation_start(self, *_: Any) -> None:
        """Stop the clock of the training part."""
        self._trained = time.perf_counter()

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Write the epoch's row and line."""
        now = time.perf_counter()
        seconds = now - self._began
        self._spent.append(seconds)
        row = {
            "epoch": trainer.current_epoch + 1,
            "step": trainer.global_step,
            "lr": _last_lr(trainer),
            "train_loss": pl_module.train_loss,
            "val_loss": pl_module.val_loss,
            "val_iou": pl_module.val_iou,
            "seconds": seconds,
            "images_per_second": self.patches / max(self._trained - self._began, 1e-9),
        }
        self.rows.append(row)
        if not trainer.is_global_zero:
            return
        write_history(self.kept_history, self.rows)
        write_history(self.history, self.rows)
        self._measure(pl_module.device.type)
        if now - self._drawn > CURVES_INTERVAL_S:
            draw_curves(self.curves, self.rows, self.title)
            self._drawn = time.perf_counter()
        shown = ("lr", "train_loss", "val_loss", "val_iou", "images_per_second")
        trainer.logger.log_metrics({k: row[k] for k in shown}, step=row["epoch"])
        if self.progress:
            self._write(("\r\033[K" if self.stream.isatty() else "") + self._line(row))

    def finish(self) -> None:
        """Write the whole history and the final curves."""
        write_history(self.history, self.rows)
        draw_curves(self.curves, self.rows, self.title)

    def _measure(self, device: str) -> None:
        measured = usage(device, torch.get_num_threads()).after(self.earlier)
        if measured != self.usage:
            self.usage = measured
            write_costs(self.kept_usage, measured)

    def _line(self, row: dict[str, float]) -> str:
        return (
            f"{self._epoch(int(row['epoch']))}  loss {row['train_loss']:.4f}  "
            f"val {row['val_loss']:.4f}  IoU {row['val_iou']:.4f}  "
            f"{row['images_per_second']:.3g} img/s  {self._left(int(row['epoch']), 0.0, 0.0)}"
        )

    def _epoch(self, epoch: int) -> str:
        return f"epoch {epoch:>{len(str(self.epochs))}}/{self.epochs}"

    def _left(self, epochs: int, share: float, seconds: float) -> str:
        """Return the time left as text.

        It is extrapolated from the mean duration of this run's epochs, or, during the first of
        them, from the share of it that is done.
        """
        mean = sum(self._spent) / len(self._spent) if self._spent else seconds / share
        left = max(0.0, (self.epochs - epochs) * mean - seconds)
        return f"ETA {timedelta(seconds=round(left))}"

    def _on_terminal(self, trainer: lightning.Trainer) -> bool:
        return self.progress and trainer.is_global_zero and self.stream.isatty()

    def _write(self, text: str, end: str = "\n") -> None:
        self.stream.write(text + end)
        self.stream.flush()


def _last_lr(trainer: lightning.Trainer) -> float:
    """Return the learning rate of the last step (the schedule is one step ahead of it)."""
    schedule = trainer.lr_scheduler_configs[0].scheduler
    return schedule.base_lrs[0] * schedule.lr_lambdas[0](schedule.last_epoch - 1)
