"""Validation during training, on the same patches of the validation cases after every epoch.

Predicting whole cases after each epoch would cost more than the epoch on small machines. A
fixed set of unaugmented patches on a regular grid is therefore used in their place.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from septum.config.schema import IntensityScheme
from septum.heads.base import Regression
from septum.losses.logits import IGNORE
from septum.seeds import rng
from septum.stages.train.cases import TrainingCase
from septum.stages.train.crop import Window, cut, to_tensors, with_regression
from septum.stages.train.patches import PatchShape

# Validation uses at most this share of the number of patches that an epoch trains on, but at
# least so many patches.
MAX_VALIDATION_SHARE = 0.125
MIN_VALIDATION_PATCHES = 16


class GridPatches(Dataset):
    """Patches that tile the cases; if there are too many, equally many are taken of each case.

    Parameters
    ----------
    cases : sequence of TrainingCase
    shape : PatchShape
    scheme : IntensityScheme
        How intensities become the network's input.
    limit : int
        Largest number of patches (see `patch_limit`).
    seed_parts : sequence
        Seed of the choice among too many patches.
    regression : type of Regression, optional
        Regression targets of the head, if it has any.
    spacing : sequence of float
        Size of a pixel along each axis.
    """

    def __init__(
        self,
        cases: Sequence[TrainingCase],
        shape: PatchShape,
        scheme: IntensityScheme,
        *,
        limit: int,
        seed_parts: Sequence[object],
        regression: type[Regression] | None = None,
        spacing: Sequence[float] = (),
    ) -> None:
        self.scheme = scheme
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
    """Return the number of patches to validate on after an epoch of ``trained`` patches."""
    return max(MIN_VALIDATION_PATCHES, int(MAX_VALIDATION_SHARE * trained))


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
    """Count the pixels in the intersection and union of prediction and truth, for each class.

    Parameters
    ----------
    probabilities : Tensor, (N, K, *inner)
        Probabilities of the K classes.
    classes : Tensor, (N, *size), int64
        True classes; -1 is ignored. Cropped to the centre of size ``inner``.

    Returns
    -------
    Tensor, (2, K), int64
        Intersection and union of each channel.
    """
    predicted = probabilities.argmax(1)
    for axis, inner in enumerate(predicted.shape[1:], start=1):
        start = (classes.shape[axis] - inner) // 2
        classes = classes.narrow(axis, start, inner)
    labelled = classes != IGNORE
    predicted, classes = predicted[labelled], classes[labelled]
    n = probabilities.shape[1]
    table = torch.bincount(classes * n + predicted, minlength=n * n).reshape(n, n)
    intersection = table.diagonal()
    return torch.stack([intersection, table.sum(0) + table.sum(1) - intersection])


def mean_foreground_iou(counts: Tensor) -> float:
    """Return the mean of intersection over union over the foreground channels.

    Channels that are neither in the truth nor predicted are ignored.

    Parameters
    ----------
    counts : Tensor, (2, K)
        From `overlap_counts`, summed over all patches.

    Returns
    -------
    float
        NaN if there is no foreground at all.
    """
    intersection, union = counts[:, 1:].double().cpu()
    present = union > 0
    return float((intersection[present] / union[present]).mean()) if present.any() else float("nan")
