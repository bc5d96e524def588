"""Small networks that have learnt to find bright balls, and images of such balls."""

from __future__ import annotations

import numpy as np
import torch
from decoders import decode, decoder
from headers import training_record
from loaded import load_model

from septum.config.schema import ClassSpec, PercentileScaling
from septum.data.intensity import normalise, statistics
from septum.networks.model_header import ModelHeader
from septum.networks.segmenter import build_segmenter

SCHEME = PercentileScaling(lower=1.0, upper=99.0)
DECODER = decoder("components", score=1.0, threshold=0.5, min_size=9)
OPTIONS = {"padded": True, "width": 8, "depth": 1, "norm": "batch", "dropout": 0.0}


def scene(seed, ndim=2, channels=1):
    """Bright balls on a dim, noisy background; the image and its labels."""
    random = np.random.default_rng(seed)
    shape = (48, 56) if ndim == 2 else (12, 24, 32)
    grid = np.indices(shape)
    labels = np.zeros(shape, int)
    for number in range(1, 6):
        centre = [random.integers(4, n - 4) for n in shape]
        offset = grid - np.reshape(centre, (-1, *[1] * ndim))
        labels[((offset**2).sum(0) < 12) & (labels == 0)] = number
    image = 40 + 100 * (labels > 0) + random.normal(0, 10, (channels, *shape))
    return image.clip(0, 255).astype(np.uint8), labels


def trained(fold, ndim=2, channels=1, **changes):
    """Return a segmenter that has learnt to find bright pixels, and its header."""
    header = ModelHeader(
        network="unet",
        options=OPTIONS,
        spatial_dims=ndim,
        in_channels=channels,
        head="semantic",
        classes={1: ClassSpec(name="ball")},
        annotation="instance",
        intensities=SCHEME,
        spacing=(1.0,) * ndim,
        unit="pixel",
        patch=(16,) * ndim,
        decoder=DECODER,
        trained=training_record(fold=fold),
    )
    segmenter = build_segmenter(
        "unet", OPTIONS, spatial_dims=ndim, in_channels=channels, n_classes=1, seed=fold
    )
    optimizer = torch.optim.Adam(segmenter.parameters(), 0.02)
    for step in range(30):
        image, labels = scene(100 * fold + step, ndim, channels)
        shown = normalise(image, statistics(image), SCHEME)[None]
        targets = {"classes": torch.from_numpy(labels > 0)[None].long()}
        loss = segmenter.losses(torch.from_numpy(shown), targets)["cross_entropy"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return segmenter, header.model_copy(update=changes)


def by_hand(models, image, threshold=0.5):
    """Return the instances of the mean of whole-image predictions."""
    shown = torch.from_numpy(normalise(image, statistics(image), SCHEME)[None])
    maps = []
    for path in models:
        segmenter, _ = load_model(path)
        maps.append(segmenter.predict(shown)[0].numpy())
    return decode(
        np.mean(maps, 0),
        head="semantic",
        classes={1: ClassSpec(name="ball")},
        annotation="instance",
        threshold=threshold,
        min_size=9,
    )
