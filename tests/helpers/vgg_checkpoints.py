"""Checkpoints in the layout of torchvision's VGG-16, a sixteenth wide."""

from __future__ import annotations

import torch

SMALL = 1 / 16
LEVELS = [(4, 2), (8, 2), (16, 3), (32, 3), (32, 3)]  # of VGG-16 at this width; fc: 256


def vgg_checkpoint(*, norm=False, classes=10, seed=0):
    """Return a state dict with the names of torchvision's vgg16 or vgg16_bn, a sixteenth wide."""
    rng = torch.Generator().manual_seed(seed)
    state, number, n_in = {}, 0, 3
    for n_out, convolutions in LEVELS:
        for _ in range(convolutions):
            weight = torch.randn(n_out, n_in, 3, 3, generator=rng)
            state[f"features.{number}.weight"] = weight * (2 / (9 * n_in)) ** 0.5
            state[f"features.{number}.bias"] = torch.randn(n_out, generator=rng) / 10
            if norm:
                for kind in ("weight", "bias", "running_mean", "running_var"):
                    values = torch.rand(n_out, generator=rng) + 0.5
                    state[f"features.{number + 1}.{kind}"] = values
                state[f"features.{number + 1}.num_batches_tracked"] = torch.tensor(7)
            number += 3 if norm else 2
            n_in = n_out
        number += 1
    for layer, n_in, n_out in ((0, 32 * 7 * 7, 256), (3, 256, 256), (6, 256, classes)):
        state[f"classifier.{layer}.weight"] = torch.randn(n_out, n_in, generator=rng) / n_in**0.5
        state[f"classifier.{layer}.bias"] = torch.randn(n_out, generator=rng)
    return state


def features(state):
    return {name: tensor for name, tensor in state.items() if name.startswith("features")}
