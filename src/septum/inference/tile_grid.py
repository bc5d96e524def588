"""The grid of windows in an image, and the blending of their outputs.

The image is mirrored at its borders (`septum.data.windows`), so that a window may start and end
anywhere. Windows start at multiples of the network's stride, so that its pooling grids fall on
the same pixels in every window and in the whole image.

- Outputs of padded networks (``margin`` 0) overlap and are blended with Gaussian weights of
  sigma = tile / 8 (nnU-Net; Isensee et al., Nature Methods 2021). Since windows form a grid,
  weights that sum to 1 in every pixel are products of one weight for each axis, and are computed
  beforehand.
- Valid networks (``margin`` > 0) use the overlap-tile strategy (U-Net; Ronneberger et al., MICCAI
  2015). Every output pixel comes from one window, which holds its whole receptive field. The
  step between windows is the largest multiple of the stride that fits: with a step of the size
  of the output, the pooling grid would shift from tile to tile (388 is no multiple of 16).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from septum.data.windows import read_mirrored


@dataclass(frozen=True)
class Axis:
    """The windows along one axis.

    ``starts`` are the first output pixels of the windows, ``weights`` the weights of their output
    pixels, which sum to 1 over the windows. The input starts ``margin`` pixels before the output.
    """

    length: int
    tile: int
    margin: int
    starts: tuple[int, ...]
    weights: tuple[np.ndarray, ...]


def plan_windows(
    segmenter: Any, spatial: Sequence[int], tile: Sequence[int], overlap: float
) -> list[Axis]:
    """Return the grid of windows over an image, as the product of one `Axis` per spatial axis.

    Parameters
    ----------
    segmenter : Segmenter
        Its ``margin``, ``stride`` and ``legal_size`` constrain the windows.
    spatial, tile : sequence of int
        Sizes of the image and of the requested input window, in pixels.
    overlap : float
        Smallest fraction that neighbouring windows share (padded networks).
    """
    margin = int(segmenter.margin)
    size = segmenter.legal_size(
        [min(t, n + 2 * margin) for t, n in zip(tile, spatial, strict=True)]
    )
    stride = [segmenter.stride] * len(size)
    # a valid network's smallest tile may yield less than its stride (188 -> 4)
    while any(s - 2 * margin < d for s, d in zip(size, stride, strict=True)):
        size = segmenter.legal_size(
            [s + (s - 2 * margin < d) for s, d in zip(size, stride, strict=True)]
        )
    return [_axis(n, s, margin, d, overlap) for n, s, d in zip(spatial, size, stride, strict=True)]


def _axis(length: int, tile: int, margin: int, stride: int, overlap: float) -> Axis:
    output = tile - 2 * margin
    shared = 0 if margin else overlap
    step = max(1, int(output * (1 - shared)) // stride)
    last = -(-max(0, length - output) // stride)  # in strides, like step
    count = -(-last // step) + 1
    starts = np.round(np.linspace(0, last, count)).astype(int) * stride
    if margin:
        ends = [*starts[1:], starts[-1] + output]
        weights = [
            (np.arange(output) < end - start).astype(float)
            for start, end in zip(starts, ends, strict=True)
        ]
    else:
        weights = _gaussian_shares(starts, output)
    return Axis(length, tile, margin, tuple(int(s) for s in starts), tuple(weights))


def _gaussian_shares(starts: np.ndarray, size: int) -> list[np.ndarray]:
    bell = np.exp(-0.5 * ((np.arange(size) - (size - 1) / 2) / (size / 8)) ** 2)
    total = np.zeros(starts[-1] + size)
    for start in starts:
        total[start : start + size] += bell
    return [bell / total[start : start + size] for start in starts]


def read_window(
    image: Any,
    grid: Sequence[Axis],
    place: Sequence[int],
    normalise: Callable[[np.ndarray], np.ndarray] | None,
) -> np.ndarray:
    """Return the window (C, *tile) at a place of the grid, normalised, float32.

    Parameters
    ----------
    image : (C, *spatial) array, numpy or zarr
    grid : sequence of Axis
    place : sequence of int
        Index of the window along each axis.
    normalise : callable or None
        Applied to the raw pixels.
    """
    start = [axis.starts[i] - axis.margin for axis, i in zip(grid, place, strict=True)]
    window = read_mirrored(image, start, [axis.tile for axis in grid])
    if normalise is not None:
        window = normalise(window)
    return np.ascontiguousarray(window, dtype=np.float32)


class Slab:
    """The rows of the output to which later windows still contribute.

    Sums are computed in float64 and rounded once, so that values which are equal in all windows
    are unchanged by the blending.
    """

    def __init__(self, channels: int, grid: Sequence[Axis], out: Any) -> None:
        spatial = tuple(axis.length for axis in grid)
        self.out = np.empty((channels, *spatial), np.float32) if out is None else out
        # rows are written in whole chunks, since a chunk that is written twice is compressed twice
        chunks = getattr(out, "shards", None) or getattr(out, "chunks", None) or (1, 1)
        self._grain = chunks[1]
        self._grid = grid
        self._first = 0
        height = min(len(grid[0].weights[0]) + self._grain, spatial[0])
        self._sum = np.zeros((channels, height, *spatial[1:]))

    def add(self, place: Sequence[int], prediction: np.ndarray) -> None:
        """Add a window's output (K, *output)."""
        region: list[slice] = []
        inside: list[slice] = []
        weight = np.ones(())
        for axis, i in zip(self._grid, place, strict=True):
            start = axis.starts[i]
            end = min(start + len(axis.weights[i]), axis.length)
            region.append(slice(start, end))
            inside.append(slice(0, end - start))
            weight = weight[..., None] * axis.weights[i][: end - start]
        region[0] = slice(region[0].start - self._first, region[0].stop - self._first)
        self._sum[(slice(None), *region)] += prediction[(slice(None), *inside)] * weight

    def flush(self, row: int) -> None:
        """Write the rows that are complete after all windows of a row of the grid were added."""
        axis = self._grid[0]
        final = axis.length
        if row + 1 < len(axis.starts):
            final = axis.starts[row + 1] // self._grain * self._grain
        ready = final - self._first
        if ready <= 0:
            return
        self.out[:, self._first : final] = self._sum[:, :ready].astype(self.out.dtype)
        self._sum[:, :-ready] = self._sum[:, ready:].copy()
        self._sum[:, -ready:] = 0
        self._first = final
