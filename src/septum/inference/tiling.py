"""Prediction of images of any size, window by window, in bounded memory.

The grid of windows and their blending are in `septum.inference.tile_grid`.
"""

from __future__ import annotations

import itertools
import logging
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from septum.errors import problem
from septum.inference.tile_grid import Slab, plan_windows, read_window
from septum.networks.device import CHANNELS_LAST

_log = logging.getLogger(__name__)
_AUTO_TILE = 2**18  # pixels: 512², 64³


def auto_tile(patch: Sequence[int], margin: int) -> tuple[int, ...]:
    """Return the input window for a network trained on ``patch``.

    The part that is predicted is doubled while the window is within 2¹⁸ pixels. Larger tiles
    spend less on overlaps, margins and mirrored borders; the bound keeps a batch of four within
    a few GB of memory.

    Parameters
    ----------
    patch : sequence of int
        Size of the patches in training, including the margin, in pixels along each axis.
    margin : int
        Pixels that the output is smaller by on each side; 0 for padded networks.
    """
    inner = [int(n) - 2 * margin for n in patch]

    def window(factor: int) -> tuple[int, ...]:
        return tuple(factor * n + 2 * margin for n in inner)

    factor = 1
    while math.prod(window(2 * factor)) <= _AUTO_TILE:
        factor *= 2
    return window(factor)


def predict_tiled(
    segmenter: Any,
    image: Any,
    out: Any = None,
    *,
    tile: Sequence[int],
    overlap: float = 0.25,
    batch: int = 4,
    device: str | torch.device = "cpu",
    tta: bool = False,
    planes: Sequence[tuple[int, int]] | None = None,
    normalise: Callable[[np.ndarray], np.ndarray] | None = None,
    progress: bool = False,
) -> Any:
    """Predict an image window by window.

    Memory is bounded by a row of windows along the first spatial axis: the image is read, and
    ``out`` written, piece by piece. A valid network's result equals its whole-image prediction
    bit for bit where its convolutions add up alike for both sizes; a padded network's does, to
    float rounding, in pixels whose receptive field no window's border cuts. On CUDA the network
    runs under bfloat16 autocast, which moves the probabilities of a trained U-Net by 1e-4 on
    average and by 0.03 at most (H100).

    Parameters
    ----------
    segmenter : Segmenter
        A network on ``device``, with ``margin``, ``legal_size`` and ``predict``.
    image : (C, *spatial) array, numpy or zarr
        Image with any number of spatial axes.
    out : (K, *spatial) array, numpy or zarr, optional
        Array for the probabilities, of any dtype; by default a new float32 array.
    tile : sequence of int
        The network's input window in pixels; raised to a legal size, smaller for small images.
    overlap : float
        Fraction of a window shared with the next, 0 ≤ overlap < 1. Without effect on valid
        networks, whose outputs need no blending.
    batch : int
        Number of windows that are predicted at once. It is halved, and a warning logged, if
        memory runs out.
    device : str or torch.device
        Device of ``segmenter``.
    tta : bool
        Average over the symmetries of the pixel grid: all flips and, within ``planes``, all
        90° rotations (8 in 2-D; in 3-D 16, or 48 if all axes may be exchanged).
    planes : sequence of (int, int), optional
        Pairs of spatial axes that may be exchanged; by default all.
    normalise : callable, optional
        Converts a raw window (C, *window) to the float32 input of the network.
    progress : bool
        Whether to show a bar on stderr once the prediction has taken five seconds.

    Returns
    -------
    (K, *spatial) array
        ``out``.

    Raises
    ------
    SeptumError
        If a single window does not fit into memory.

    Examples
    --------
    >>> from septum.networks.segmenter import Segmenter
    >>> class Double(Segmenter):
    ...     margin, stride = 0, 1
    ...     def legal_size(self, size):
    ...         return tuple(size)
    ...     def losses(self, images, targets):
    ...         return {}
    ...     def predict(self, images):
    ...         return 2 * images
    >>> image = np.arange(6, dtype=np.float32).reshape(1, 1, 6)
    >>> predict_tiled(Double(), image, tile=(1, 4))
    array([[[ 0.,  2.,  4.,  6.,  8., 10.]]], dtype=float32)
    """
    grid = plan_windows(segmenter, image.shape[1:], tile, overlap)
    shape = tuple(axis.tile for axis in grid)
    symmetries = _symmetries(segmenter, shape, planes) if tta else []
    runner = _Runner(segmenter, torch.device(device), symmetries, batch)
    columns = list(itertools.product(*(range(len(axis.starts)) for axis in grid[1:])))
    slab: Slab | None = None
    with (
        evaluating(segmenter),
        tile_bar(len(grid[0].starts) * len(columns), progress) as bar,
    ):
        for row in range(len(grid[0].starts)):
            done = 0
            while done < len(columns):
                places = [(row, *rest) for rest in columns[done : done + runner.batch]]
                windows = np.stack([read_window(image, grid, place, normalise) for place in places])
                for place, prediction in zip(places, runner(windows), strict=True):
                    if slab is None:
                        slab = Slab(len(prediction), grid, out)
                    slab.add(place, prediction)
                done += len(places)
                bar.update(len(places))
            slab.flush(row)
    return slab.out


Symmetry = tuple[tuple[int, ...], tuple[int, ...], list[int], list[float]]
"""The spatial axes in their new order, the new axes that are then flipped, and the channels and
signs by which the prediction is transformed back (`Segmenter.undo_symmetry`)."""


def _symmetries(
    segmenter: Any, tile: Sequence[int], planes: Sequence[tuple[int, int]] | None
) -> list[Symmetry]:
    """Return the symmetries of the pixel grid that transform the tile to a legal tile."""
    axes = range(len(tile))
    planes = list(itertools.combinations(axes, 2)) if planes is None else planes
    kind = list(axes)  # axes of one kind may be exchanged
    for a, b in planes:
        kind = [kind[a] if k == kind[b] else k for k in kind]
    found = []
    for order in itertools.permutations(axes):
        if [kind[i] for i in order] != kind:
            continue
        turned = tuple(tile[i] for i in order)
        if tuple(segmenter.legal_size(turned)) != turned:
            continue
        for bits in itertools.product((False, True), repeat=len(tile)):
            flips = tuple(axis for axis, flip in enumerate(bits) if flip)
            channels = segmenter.undo_symmetry(len(tile), order, flips)
            if channels is not None:
                found.append((order, flips, *channels))
    if len(found) == 1:
        _log.info("this head has no symmetry that the prediction could be averaged over")
    return found


class _Runner:
    """Apply the network to batches of windows of a size that fits into memory."""

    def __init__(
        self, segmenter: Any, device: torch.device, symmetries: list[Symmetry], batch: int
    ) -> None:
        self.batch = batch
        self._segmenter = segmenter
        self._device = device
        self._symmetries = symmetries

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        """Return the probabilities (N, K, *output) of windows (N, C, *tile)."""
        done: list[np.ndarray] = []
        while sum(map(len, done)) < len(windows):
            part = windows[sum(map(len, done)) :][: self.batch]
            try:
                done.append(self._predict(part))
            except (RuntimeError, MemoryError) as error:
                if not _is_out_of_memory(error):
                    raise
                self._halve(part)
        return np.concatenate(done)

    def _halve(self, part: np.ndarray) -> None:
        if len(part) == 1:
            size = "×".join(map(str, part.shape[2:]))
            raise problem(
                "predict.tile",
                f"a tile of {size} pixels does not fit into the memory of {self._device}",
                "set predict.tile to a smaller size",
            )
        self.batch = len(part) // 2
        _log.warning(
            "out of memory on %s with %d tiles at a time: going on with %d (predict.batch)",
            self._device,
            len(part),
            self.batch,
        )
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _predict(self, windows: np.ndarray) -> np.ndarray:
        on_gpu = self._device.type == "cuda"
        with (
            torch.inference_mode(),
            torch.autocast(self._device.type, torch.bfloat16, enabled=on_gpu),
        ):
            images = torch.from_numpy(windows).to(self._device)
            if not self._symmetries:
                return self._network(images).cpu().numpy()
            total = torch.zeros(())
            for order, flips, channels, signs in self._symmetries:
                turned = self._network(_do(images, order, flips))
                if channels:
                    shape = (-1, *(1,) * (turned.ndim - 2))
                    turned = turned[:, channels] * turned.new_tensor(signs).reshape(shape)
                total = _undo(turned, order, flips) + total
            return (total / len(self._symmetries)).cpu().numpy()

    def _network(self, images: torch.Tensor) -> torch.Tensor:
        layout = CHANNELS_LAST.get(images.ndim, torch.contiguous_format)
        return self._segmenter.predict(images.contiguous(memory_format=layout)).float()


def _do(images: torch.Tensor, order: Sequence[int], flips: Sequence[int]) -> torch.Tensor:
    turned = images.permute(0, 1, *(2 + axis for axis in order))
    return turned.flip([2 + axis for axis in flips])


def _undo(images: torch.Tensor, order: Sequence[int], flips: Sequence[int]) -> torch.Tensor:
    turned = images.flip([2 + axis for axis in flips])
    return turned.permute(0, 1, *(2 + order.index(axis) for axis in range(len(order))))


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return "allocate memory" in str(error)  # the CPU allocator raises a plain RuntimeError


def tile_bar(total: int, progress: bool) -> tqdm:
    """Return a bar on stderr, shown once it has taken five seconds, or never."""
    return tqdm(
        total=total,
        unit="tile",
        delay=5,
        # a log file gets few lines
        mininterval=0.5 if sys.stderr.isatty() else 60,
        disable=not progress,
        file=sys.stderr,
    )


@contextmanager
def evaluating(segmenter: Any) -> Iterator[None]:
    """Set a network to evaluation mode, and restore its mode afterwards."""
    training = segmenter.training
    segmenter.eval()
    try:
        yield
    finally:
        segmenter.train(training)
