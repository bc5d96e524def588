"""Constrained parametric min-cuts: figure-ground hypotheses that are ranked and pruned.

Carreira and Sminchisescu, IEEE TPAMI 2012, https://doi.org/10.1109/TPAMI.2011.231

Seeds on a regular grid are constrained to be object, and the frame of a window around each seed
to be background. The minimum cut is solved for an increasing series of rewards of object pixels,
which gives a series of nested segments of increasing size. Hence each seed yields several
proposals at different scales. Proposals are ranked, and the best that do not overlap become the
objects.

Departures, since images have hundreds of small objects instead of a few large ones: seeds lie
only where the threshold finds objects. The window extends by ``reach`` from the seed instead of
covering the whole image, and its frame is unconstrained along the border of the image, where
objects are cut off. The minimum cut is solved for each reward separately (the parametric solver
of the paper finds the same cuts). Proposals are ranked by the contrast along their outline times
their convexity, whereas the paper trains a regressor on 34 features; pruning is greedy. The
method is 2-D only, as in the paper.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from septum.classical.base import Length, Method
from septum.classical.mincut import Edges, contrast_edges, minimum_cut
from septum.jit import compiled

OBJECT_REWARDS = tuple(2.0**power for power in range(-8, 0))
"""Rewards of an object pixel; cutting the face between two equal pixels costs 1."""


@dataclass(frozen=True)
class Proposal:
    """A figure-ground hypothesis.

    Parameters
    ----------
    corner : tuple of int
        Position of the first pixel of the window in the image.
    mask : (rows, columns) bool array
        Pixels of the figure within the window.
    score : float
        Score by which proposals are ranked, about 0 to 1.
    """

    corner: tuple[int, int]
    mask: np.ndarray
    score: float


class CPMC(Method):
    """Proposals by minimum cuts from a grid of seeds, for increasing rewards of object pixels.

    Parameters
    ----------
    step : int
        Distance between seeds, in pixels.
    reach : int
        Distance from a seed to the frame of its window, in pixels. Objects that extend further
        are cut off.
    data : float
        Cost of an object pixel whose grey value is the mean of the background; it falls to 0 at
        ``level``.
    convexity : float
        Exponent of the solidity (area over that of the convex hull) in the ranking.
    overlap : float
        A proposal is dropped if a larger fraction of it belongs to better proposals.

    Notes
    -----
    The other parameters are those of `septum.classical.base.Method`.
    """

    step: Annotated[int, Field(ge=1)] = 6
    reach: Annotated[int, Field(ge=2)] = 24
    data: Length = 1.0
    convexity: Length = 8.0
    overlap: Annotated[float, Field(ge=0, lt=1)] = 0.3

    axes: ClassVar[tuple[int, ...]] = (2,)
    tuning_pixels: ClassVar[int] = 2**17

    @classmethod
    def grid(cls, edge: float) -> dict[str, Sequence[Any]]:
        """Return the values that tuning tries (`septum.classical.base.Method.grid`)."""
        # few values, and neither data nor overlap, since an image takes seconds
        return {
            **Method.grid(edge),
            "level": (0.5, 0.3, 0.4, 0.6),
            "sigma": (1.0, 0.0, 2.0),
            "convexity": (8.0, 2.0, 4.0, 16.0),
            "reach": tuple(max(2, round(share * edge)) for share in (1.5, 1, 2.5)),
            "step": tuple(max(1, round(edge / share)) for share in (3, 2)),
        }

    def find(self, grey: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Return a label map (`septum.classical.base.Method.find`)."""
        proposals = sorted(self.proposals(grey, steps), key=lambda p: -p.score)
        labels = np.zeros(grey.shape, np.int32)
        for number, proposal in enumerate(proposals, start=1):
            rows, columns = (
                slice(a, a + n) for a, n in zip(proposal.corner, proposal.mask.shape, strict=True)
            )
            window_labels = labels[rows, columns]
            free = proposal.mask & (window_labels == 0)
            if free.sum() >= (1 - self.overlap) * proposal.mask.sum():
                window_labels[free] = number
        return labels

    def proposals(self, grey: np.ndarray, steps: np.ndarray) -> Iterator[Proposal]:
        """Yield the proposals of all seeds in raster order, by increasing size for each seed.

        The parameters are those of `septum.classical.base.Method.find`.
        """
        edges = contrast_edges(grey, steps, connectivity=2)
        spacing, reach, patch_radius = (
            np.maximum(1, np.rint(length / steps)).astype(int)
            for length in (self.step, self.reach, self.step / 4)
        )
        grid = tuple(slice(n // 2, None, n) for n in spacing)
        for node in np.argwhere(grey[grid] > self.level):
            seed = node * spacing + spacing // 2
            corner = np.maximum(0, seed - reach)
            window = tuple(map(slice, corner, seed + reach + 1))
            figure = _patch(grey[window], seed - corner, patch_radius) > self.level
            ground = _frame(window, grey.shape) & ~figure
            inside = [directed.within(window) for directed in edges]
            for mask in self._ladder(grey[window], figure, ground, inside):
                score = _step_down(mask, grey[window], inside) * solidity(mask) ** self.convexity
                yield Proposal((int(corner[0]), int(corner[1])), mask, score)

    def _ladder(
        self, grey: np.ndarray, figure: np.ndarray, ground: np.ndarray, edges: list[Edges]
    ) -> Iterator[np.ndarray]:
        """Yield the masks of minimum energy for increasing rewards of object pixels."""
        # a hard constraint costs more than all edges and rewards together
        hard_cost = 1 + sum(float(directed.weights.sum()) for directed in edges) + grey.size
        as_object = self.data * np.clip(1 - grey / self.level, 0, 2).astype(float)
        as_object[ground] = hard_cost
        previous = np.zeros_like(figure)
        for reward in OBJECT_REWARDS:
            mask, _ = minimum_cut(np.where(figure, hard_cost, reward), as_object, edges)
            if (mask != previous).any():
                yield mask
            previous = mask


def _patch(grey: np.ndarray, seed: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Return the grey values around a seed, and −∞ elsewhere.

    A patch is constrained to be object instead of a single pixel, whose outline is so short that
    the minimum cut would separate it from its object.
    """
    patch = tuple(map(slice, np.maximum(0, seed - radius), seed + radius + 1))
    values = np.full(grey.shape, -np.inf)
    values[patch] = grey[patch]
    return values


def _frame(window: Sequence[slice], shape: Sequence[int]) -> np.ndarray:
    """Return the outermost pixels of a window, except along the border of the image."""
    size = [min(side.stop, n) - side.start for side, n in zip(window, shape, strict=True)]
    frame = np.zeros(size, bool)
    for axis, (side, n) in enumerate(zip(window, shape, strict=True)):
        along = np.moveaxis(frame, axis, 0)
        along[0] |= side.start > 0
        along[-1] |= side.stop < n
    return frame


def _step_down(mask: np.ndarray, grey: np.ndarray, edges: Sequence[Edges]) -> float:
    """Return the mean drop of grey value across the outline of a mask, or 0 without outline."""
    total = length = 0.0
    for directed in edges:
        mask_begin, mask_end = directed.ends(mask)
        grey_begin, grey_end = directed.ends(grey)
        inwards = mask_begin.astype(float) - mask_end
        total += float((inwards * (grey_begin - grey_end)).sum()) / directed.length
        length += np.count_nonzero(inwards) / directed.length
    return max(0.0, total / length) if length else 0.0


def solidity(mask: np.ndarray) -> float:
    """Return the ratio of the area of a mask to that of its convex hull.

    Parameters
    ----------
    mask : (rows, columns) bool array
        A mask with at least one pixel; pixels are squares.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - mask[rows, ::-1].argmax(axis=1)
    # the vertices of the hull are corners of the first and last pixels of rows
    ends = [(rows + below, side) for below in (0, 1) for side in (first, last)]
    corners = np.concatenate([np.stack(end, axis=1) for end in ends]).astype(float)
    order = np.lexsort(corners.T[::-1])
    return int(mask.sum()) / _hull_area(corners[order])


@compiled
def _hull_area(points: np.ndarray) -> float:
    """Return the area of the convex hull of points (n, 2) in lexicographic order.

    This is Andrew's monotone chain algorithm, since setting up Qhull takes a millisecond.
    """
    doubled_area = 0.0
    chain = np.empty_like(points)
    for side in (1.0, -1.0):
        size = 0
        for k in range(len(points)):
            y, x = points[k]
            while size > 1:
                b, a = chain[size - 1], chain[size - 2]
                if side * ((b[0] - a[0]) * (x - a[1]) - (b[1] - a[1]) * (y - a[0])) > 0:
                    break
                size -= 1
            chain[size, 0], chain[size, 1] = y, x
            size += 1
        for k in range(1, size):
            y0, x0 = chain[k - 1]
            y1, x1 = chain[k]
            doubled_area += side * (y1 - y0) * (x0 + x1)
    return abs(doubled_area) / 2
