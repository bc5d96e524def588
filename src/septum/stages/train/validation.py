"""Validation during training: the same patches of the validation cases after every epoch.

A whole-case prediction after each epoch would cost more than the epoch on small machines, so
a fixed set of unaugmented patches on a regular grid stands for the cases.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from septum.heads.base import Regression
from septum.losses.logits import IGNORE
from septum.seeds import rng
from septum.stages.train.cases import TrainingCase
from septum.stages.train.crop import Window, cut, to_tensors, with_regression
from septum.stages.train.patches import PatchShape

# Validation sees at most this share of the patches an epoch trains on, and at least so many.
SHARE = 0.125
LEAST = 16


class GridPatches(Dataset):
    """Patches that tile the cases, thinned out evenly over the cases where there are too many.

    Parameters
    ----------
    cases : sequence of TrainingCase
    shape : PatchShape
    scheme : mapping
        The resolved normalisation.
    limit : int
        At most so many patches (see `patch_limit`).
    seed_parts : sequence
        What the choice among too many is seeded by.
    regression : type of Regression, optional
        What the head learns beside classes.
    spacing : sequence of float
        Of the pixels.
    """

    def __init__(
        self,
        cases: Sequence[TrainingCase],
        shape: PatchShape,
        scheme: Mapping[str, Any],
        *,
        limit: int,
        seed_parts: Sequence[object],
        regression: type[Regression] | None = None,
        spacing: Sequence[float] = (),
    ) -> None:
        self.scheme = dict(scheme)
        self.regression = regression
        self.spacing = tuple(spacing)
        self.patches = _choose(cases, shape, limit, rng(*seed_parts, "validation"))

    def __len__(self) -> int:
        """Return the number of patches."""
        return len(self.patches)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Return a patch as the network takes it."""
        case, window = self.patches[index]
        patch = to_tensors(cut(case, window, self.scheme))
        return with_regression(patch, self.regression, self.spacing)


def patch_limit(trained: int) -> int:
    """Return how many patches to validate on after an epoch of so many."""
    return max(LEAST, int(SHARE * trained))


def _choose(
    cases: Sequence[TrainingCase], shape: PatchShape, limit: int, random: np.random.Generator
) -> list[tuple[TrainingCase, Window]]:
    """Take a patch of each case in turn, in random order, until there are enough."""
    grids = []
    for case in (cases[i] for i in random.permutation(len(cases))):
        grid = _grid(case, shape)
        grids.append([(case, grid[i]) for i in random.permutation(len(grid))])
    turns = itertools.zip_longest(*grids)
    patches = [patch for turn in turns for patch in turn if patch is not None]
    return patches[:limit]


def _grid(case: TrainingCase, shape: PatchShape) -> list[Window]:
    """Return windows whose inner parts cover a case; the last ones end at its border."""
    axes = []
    for size, inner in zip(case.shape, shape.inner, strict=True):
        if size <= inner:
            starts = [(size - inner) // 2]
        else:
            starts = [*range(0, size - inner, inner), size - inner]
        axes.append([start - shape.margin for start in starts])
    return [(tuple(start), shape.size) for start in itertools.product(*axes)]


def overlap_counts(probabilities: Tensor, classes: Tensor) -> Tensor:
    """Count the pixels in which prediction and truth agree, channel by channel.

    Parameters
    ----------
    probabilities : Tensor, (N, K, *inner)
        Of the K classes.
    classes : Tensor, (N, *size), int64
        -1 is left out; cropped to the centre of size ``inner``.

    Returns
    -------
    Tensor, (2, K), int64
        Intersection and union of each channel.
    """
    predicted = probabilities.argmax(1)
    for axis, inner in enumerate(predicted.shape[1:], start=1):
        first = (classes.shape[axis] - inner) // 2
        classes = classes.narrow(axis, first, inner)
    known = classes != IGNORE
    predicted, classes = predicted[known], classes[known]
    n = probabilities.shape[1]
    table = torch.bincount(classes * n + predicted, minlength=n * n).reshape(n, n)
    both = table.diagonal()
    return torch.stack([both, table.sum(0) + table.sum(1) - both])


def mean_foreground_iou(counts: Tensor) -> float:
    """Return the mean over the foreground channels of intersection over union.

    Channels that are neither in the truth nor predicted are left out.

    Parameters
    ----------
    counts : Tensor, (2, K)
        From `overlap_counts`, summed over all patches.

    Returns
    -------
    float
        NaN where there is no foreground at all.
    """
    both, either = counts[:, 1:].double().cpu()
    present = either > 0
    return float((both[present] / either[present]).mean()) if present.any() else float("nan")
