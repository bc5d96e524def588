"""The loop: schedules, averaged weights, and losses that stop being numbers."""

from __future__ import annotations

import lightning.pytorch as lightning
import pytest
import torch
from torch.utils.data import DataLoader
from trainings import (
    NET,
    run_training,
    settings,
)

from septum.config.schema import Train
from septum.errors import SeptumError
from septum.networks.segmenter import build_segmenter
from septum.stages.train.module import AveragedWeights, TrainingLoop, lr_factor


@pytest.mark.parametrize(
    ("changes", "factors"),
    [
        ({"schedule": "poly"}, {0: 1.0, 100: 0.5**0.9, 200: 0.0}),
        ({"schedule": "cosine"}, {0: 1.0, 50: 0.853553, 100: 0.5, 200: 0.0}),
        ({"schedule": "constant"}, {0: 1.0, 199: 1.0}),
        ({"schedule": "constant", "warmup": 4}, {0: 0.2, 3: 0.8, 4: 1.0}),
        ({"schedule": "poly", "warmup": 100}, {99: 100 / 101, 100: 1.0, 150: 0.5**0.9}),
    ],
)
def test_schedules(changes, factors):
    train_settings = Train(epochs=10, steps=20, **changes)
    for step, factor in factors.items():
        assert lr_factor(train_settings, step) == pytest.approx(factor, abs=1e-6)


def test_averages_begin_quickly_and_then_keep_their_decay():
    average = AveragedWeights(0.99)
    for step, decay in ((1, 2 / 11), (80, 0.9), (5000, 0.99)):
        mine, counter = torch.tensor([1.0]), torch.tensor([3])
        average._latest_update_step = step
        average._average([mine], [torch.tensor([2.0])], None)
        assert float(mine) == pytest.approx(decay + 2 * (1 - decay))
        average._average([counter], [torch.tensor([8])], None)
        assert int(counter) == 8


def test_a_diverging_loss_is_an_error_with_a_remedy(data, tmp_path):
    changes = {"optimizer": "sgd", "lr": 1e30, "clip": 0.0, "options": {**NET, "norm": "none"}}
    with pytest.raises(SeptumError, match=r"train\.lr: the loss is no longer a number"):
        run_training(data, tmp_path, settings(**changes))
    assert not (tmp_path / "model.safetensors").exists()


def test_a_validation_runs_the_network_once_a_batch():
    torch.manual_seed(0)
    segmenter = build_segmenter("unet", NET, spatial_dims=2, in_channels=1, n_classes=1).eval()
    batches = [
        {"image": torch.randn(n, 1, 32, 32), "classes": torch.randint(-1, 2, (n, 32, 32))}
        for n in (4, 2)
    ]
    loss = overlap = union = 0.0
    with torch.no_grad():
        for batch in batches:
            logits, classes = segmenter.network(batch["image"]), batch["classes"]
            known, found = classes >= 0, logits[:, 1] > logits[:, 0]
            mean = torch.nn.functional.cross_entropy(logits, classes, ignore_index=-1)
            loss += len(classes) * float(mean) / 6
            overlap += int((found & (classes == 1)).sum())
            union += int((known & (found | (classes == 1))).sum())

    passes = []
    segmenter.network.register_forward_hook(lambda *_: passes.append(1))
    loop = TrainingLoop(segmenter, Train(), 2, (0,))
    silent = ("logger", "enable_progress_bar", "enable_checkpointing", "enable_model_summary")
    trainer = lightning.Trainer(accelerator="cpu", **dict.fromkeys(silent, False))
    trainer.validate(loop, DataLoader(batches, batch_size=None), verbose=False)
    assert len(passes) == 2
    assert loop.val_loss == pytest.approx(loss, rel=1e-5)
    assert loop.val_iou == pytest.approx(overlap / union)
