"""Sampling of training patches: their size, position and order.

A patch is described by its *inner* part, the pixels whose prediction is trained. Networks
without padding read ``margin`` pixels more on each side. The inner part lies within the image
wherever the image is large enough; pixels beyond the border are mirrored
(`septum.stages.train.crop`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from septum.augmentation.patch_transforms import Augmentation
from septum.config.schema import IntensityScheme
from septum.errors import problem
from septum.heads.base import Regression
from septum.networks.segmenter import Segmenter
from septum.seeds import rng
from septum.stages.train.cases import TrainingCase
from septum.stages.train.crop import Window, cut, to_tensors, with_regression


@dataclass(frozen=True)
class PatchShape:
    """The size of a patch.

    Parameters
    ----------
    size : tuple of int
        Pixels along each axis that the network reads, a legal input size.
    margin : int
        Pixels that the network's output is smaller by, on each side.
    """

    size: tuple[int, ...]
    margin: int

    @property
    def inner(self) -> tuple[int, ...]:
        """The size of the predicted part."""
        return tuple(n - 2 * self.margin for n in self.size)


def patch_shape(segmenter: Segmenter, requested: Sequence[int], spatial_dims: int) -> PatchShape:
    """Return the smallest legal patch whose inner part holds the requested one.

    Raises
    ------
    SeptumError
        If the request has another number of axes than the images.
    """
    if len(requested) != spatial_dims:
        what = f"gives {len(requested)} sizes, but the images have {spatial_dims} axes"
        raise problem("train.patch", what, f"give {spatial_dims} sizes, or auto")
    size = [int(n) + 2 * segmenter.margin for n in requested]
    return PatchShape(tuple(segmenter.legal_size(size)), segmenter.margin)


class PatchDataset(Dataset):
    """Random augmented patches that depend on the settings and the index of the patch alone.

    Item ``n`` belongs to epoch ``n // length``. Every case is drawn equally often, in an order
    that is shuffled anew in each round.

    Parameters
    ----------
    cases : sequence of TrainingCase
    shape : PatchShape
    augmentation : Augmentation
    foreground : float
        Share of the patches centred on a pixel of a random object; the others lie uniformly.
    scheme : IntensityScheme
        How intensities become the network's input.
    length : int
        Number of patches an epoch.
    seed_parts : sequence
        Seed of all draws, together with the epoch and the patch's index in it.
    regression : type of Regression, optional
        Regression targets of the head, if it has any.
    """

    def __init__(
        self,
        cases: Sequence[TrainingCase],
        shape: PatchShape,
        augmentation: Augmentation,
        *,
        foreground: float,
        scheme: IntensityScheme,
        length: int,
        seed_parts: Sequence[object],
        regression: type[Regression] | None = None,
    ) -> None:
        self.cases = list(cases)
        self.regression = regression
        self.shape = shape
        self.augmentation = augmentation
        self.foreground = foreground
        self.scheme = scheme
        self.length = length
        self.seed_parts = tuple(seed_parts)
        self._round = -1
        self._order = np.zeros(0, np.int64)

    def __len__(self) -> int:
        """Return the number of patches of an epoch."""
        return self.length

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """Return patch ``number``, counted over all epochs."""
        epoch, index = divmod(number, self.length)
        random = rng(*self.seed_parts, "patch", epoch, index)
        case = self._case(number)
        zoom = self.augmentation.draw_zoom(random)
        window = self._window(case, zoom, random)
        patch = self.augmentation(to_tensors(cut(case, window, self.scheme)), random)
        return with_regression(patch, self.regression, self.augmentation.spacing)

    def _case(self, number: int) -> TrainingCase:
        turn, place = divmod(number, len(self.cases))
        if turn != self._round:
            self._round = turn
            self._order = rng(*self.seed_parts, "order", turn).permutation(len(self.cases))
        return self.cases[self._order[place]]

    def _window(self, case: TrainingCase, zoom: float, random: np.random.Generator) -> Window:
        """Draw the window of a patch; at a zoom of 2 it has half the size of the patch."""
        extent = tuple(max(1, round(n / zoom)) for n in self.shape.size)
        inner = tuple(max(1, round(n / zoom)) for n in self.shape.inner)
        # range of the first pixel: within the image, or around it where the image is smaller
        spans = [sorted((0, n - w)) for n, w in zip(case.shape, inner, strict=True)]
        centre = case.foreground.draw(random) if random.random() < self.foreground else None
        if centre is None:
            start = [int(random.integers(low, high + 1)) for low, high in spans]
        else:
            start = [
                min(max(c - w // 2, low), high)
                for c, w, (low, high) in zip(centre, inner, spans, strict=True)
            ]
        return tuple(a - (w - i) // 2 for a, w, i in zip(start, extent, inner, strict=True)), extent


class PatchSampler(Sampler[int]):
    """Indices of an epoch's patches, divided among the devices of a training.

    Parameters
    ----------
    length : int
        Number of patches an epoch, over all devices.
    epoch : int
        First epoch of this run, so that an iterator made before `set_epoch` is right too.
    rank : int
        Index of this device.
    world : int
        Number of devices.
    """

    def __init__(self, length: int, *, epoch: int = 0, rank: int = 0, world: int = 1) -> None:
        self.length = length
        self.epoch = epoch
        self.rank = rank
        self.world = world

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch that the next iterator belongs to."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        """Yield indices, counted over all epochs."""
        first = self.epoch * self.length
        return iter(range(first + self.rank, first + self.length, self.world))

    def __len__(self) -> int:
        """Return the number of patches of this device."""
        return len(range(self.rank, self.length, self.world))
