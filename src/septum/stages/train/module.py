"""The one training loop of every architecture: loss, optimizer, schedule, averaged weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

from septum.config.schema import Train
from septum.errors import problem
from septum.networks.device import CHANNELS_LAST
from septum.networks.segmenter import Segmenter
from septum.seeds import seed_of
from septum.stages.train.validation import mean_foreground_iou, overlap_counts

# As in DeepLab (Chen et al., https://arxiv.org/abs/1606.00915).
POLY_POWER = 0.9
# A loss that is no longer finite shows in the running sum. Reading the sum from a GPU at every
# step would make the processor wait for the GPU.
STEPS_BETWEEN_LOSS_CHECKS = 16


class TrainingLoop(lightning.LightningModule):
    """Train a segmenter.

    Parameters
    ----------
    segmenter : Segmenter
    settings : Train
    channels : int
        Number of class channels, of which overlap with the truth is counted.
    seed_parts : sequence
        Seed of random layers (dropout), together with the step.
    """

    def __init__(
        self, segmenter: Segmenter, settings: Train, channels: int, seed_parts: Sequence[object]
    ) -> None:
        super().__init__()
        for weights in segmenter.parameters():
            if weights.ndim in CHANNELS_LAST:
                layout = CHANNELS_LAST[weights.ndim]
                weights.data = weights.data.contiguous(memory_format=layout)
        self.segmenter = segmenter
        self.settings = settings
        self.seed_parts = tuple(seed_parts)
        self.train_loss = self.val_loss = self.val_iou = math.nan
        self._train_sum = torch.zeros(())
        self._val_sums = torch.zeros(2)
        self._counts = torch.zeros(2, channels, dtype=torch.int64)

    def configure_optimizers(self) -> dict[str, Any]:
        """Return optimizer and schedule (per step)."""
        s = self.settings
        if s.optimizer == "sgd":
            optimizer: torch.optim.Optimizer = torch.optim.SGD(
                self.segmenter.parameters(), s.lr, s.momentum, weight_decay=s.weight_decay
            )
        else:
            optimizer = torch.optim.AdamW(
                self.segmenter.parameters(), s.lr, weight_decay=s.weight_decay
            )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: lr_factor(s, step))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def on_train_epoch_start(self) -> None:
        """Reset the sum of the epoch's losses."""
        self._train_sum = torch.zeros((), device=self.device)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        # the seed depends on the step alone, so that a resumed run draws the same numbers
        torch.manual_seed(seed_of(*self.seed_parts, "step", self.global_step, self.global_rank))
        loss = _sum(self.segmenter.losses(*_split(batch)))
        self._train_sum += loss.detach()
        last = batch_idx + 1 == self.settings.steps
        if last or batch_idx % STEPS_BETWEEN_LOSS_CHECKS == 0:
            self._require_finite()
        if last:
            mean = self.trainer.strategy.reduce(self._train_sum / (batch_idx + 1), reduce_op="mean")
            self.train_loss = float(mean)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Reset the sums of a validation."""
        self._val_sums = torch.zeros(2, device=self.device, dtype=torch.float64)
        self._counts = torch.zeros_like(self._counts, device=self.device)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Add up loss and overlap of a batch."""
        n = len(batch["image"])
        losses, probabilities = self.segmenter.validate(*_split(batch))
        loss = _sum(losses).double()
        self._val_sums += torch.stack([loss * n, torch.full_like(loss, n)])
        classes = probabilities[:, : self._counts.shape[1]]
        self._counts += overlap_counts(classes, batch["classes"])
        if batch_idx + 1 == self.trainer.num_val_batches[0]:
            total, n_all = self.trainer.strategy.reduce(self._val_sums, reduce_op="sum")
            counts = self.trainer.strategy.reduce(self._counts, reduce_op="sum")
            self.val_loss = float(total / n_all)
            self.val_iou = mean_foreground_iou(counts)

    def _require_finite(self) -> None:
        if math.isfinite(float(self._train_sum)):
            return
        raise problem(
            "train.lr",
            f"the loss is no longer a number in epoch {self.current_epoch + 1} "
            f"(lr {self.settings.lr:g}): the training has diverged",
            "lower train.lr, set train.clip to 1 or less, or lengthen train.warmup; "
            "with bf16, try train.precision: '32'",
        )


class AveragedWeights(WeightAveraging):
    """Exponential moving average of weights and buffers, for validation and the weights file.

    The decay starts low, ``min(decay, (1 + step) / (10 + step))``, so that the first steps do
    not dominate the average of a short training.

    Parameters
    ----------
    decay : float
        Weight of the old average at each step, between 0 and 1.
    """

    def __init__(self, decay: float) -> None:
        super().__init__(use_buffers=True, multi_avg_fn=self._average)
        self.decay = decay

    @torch.no_grad()
    def _average(self, averaged: Sequence[Tensor], current: Sequence[Tensor], _: Any) -> None:
        step = self._latest_update_step
        decay = min(self.decay, (1 + step) / (10 + step))
        if averaged[0].is_floating_point():
            torch._foreach_lerp_(list(averaged), list(current), 1 - decay)
        else:  # counters are not averaged
            for average, weights in zip(averaged, current, strict=True):
                average.copy_(weights)


def lr_factor(settings: Train, step: int) -> float:
    """Return the factor on the learning rate at a step (from 0).

    A linear rise over ``warmup`` steps, then over the remaining T steps at t = 0…T:
    (1 − t/T)^0.9 (poly), ½(1 + cos(πt/T)) (cosine), or 1 (constant).
    """
    total = settings.epochs * settings.steps
    if step < settings.warmup:
        return (step + 1) / (settings.warmup + 1)
    if settings.schedule == "constant":
        return 1.0
    share_done = min(1.0, (step - settings.warmup) / max(1, total - settings.warmup))
    if settings.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * share_done))
    return (1 - share_done) ** POLY_POWER


def _split(batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Return a batch's images, laid out for speed, and its targets."""
    images = batch["image"].contiguous(memory_format=CHANNELS_LAST[batch["image"].ndim])
    return images, {key: value for key, value in batch.items() if key != "image"}


def _sum(losses: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(losses.values())).sum()
