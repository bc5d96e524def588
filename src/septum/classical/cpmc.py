"""Constrained parametric min-cuts: many figure-ground hypotheses, ranked and pruned.

Carreira and Sminchisescu, IEEE TPAMI 2012, https://doi.org/10.1109/TPAMI.2011.231

Seeds on a regular grid are held to be object, the frame of a window about each to be
background, and the minimum cut is solved for every bias of a ladder that rewards object
pixels: small segments first, then ever larger ones, each holding the one before. Hence a seed
gives a handful of proposals without a decision about scale. They are ranked, and the best that
do not overlap become the objects.

Departures, since there are hundreds of small objects instead of a few large ones: seeds lie
only where the threshold finds objects; the window is ``reach`` wide instead of the whole
image, and its frame is free where it is the image's own border, which cuts objects; the ladder
is solved cut by cut (the paper's parametric solver finds the same cuts). Proposals are ranked by
how steep an edge the outline follows times how convex they are, where the paper trains a
regressor on 34 features; pruning is greedy. 2-D only, as the paper.
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
"""Rewards of an object pixel, where a face between two equal pixels costs 1."""


@dataclass(frozen=True)
class Proposal:
    """A figure-ground hypothesis.

    Parameters
    ----------
    corner : tuple of int
        Where the window's first pixel lies in the image.
    mask : (rows, columns) bool array
        The figure, within the window.
    score : float
        How much it looks like an object: about 0 to 1.
    """

    corner: tuple[int, int]
    mask: np.ndarray
    score: float


class CPMC(Method):
    """Proposals by minimum cuts from a grid of seeds, over a ladder of biases.

    Parameters
    ----------
    step : int
        Distance between seeds, in pixels.
    reach : int
        From a seed to the frame of its window, in pixels: objects that extend further are not
        found whole.
    data : float
        Cost of an object pixel as dark as the mean of the background; none above ``level``.
    convexity : float
        Exponent of the solidity (area over that of the convex hull) in the ranking.
    overlap : float
        A proposal is dropped if a larger share of it belongs to better ones.

    Notes
    -----
    The others are those of `septum.classical.base.Method`.
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
        # fewer values than elsewhere, and neither data nor overlap: an image takes seconds
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
            here = labels[rows, columns]
            free = proposal.mask & (here == 0)
            if free.sum() >= (1 - self.overlap) * proposal.mask.sum():
                here[free] = number
        return labels

    def proposals(self, grey: np.ndarray, steps: np.ndarray) -> Iterator[Proposal]:
        """Yield the proposals of all seeds, seeds in raster order, small ones first.

        Parameters are those of `septum.classical.base.Method.find`.
        """
        edges = contrast_edges(grey, steps, connectivity=2)
        apart, reach, wide = (
            np.maximum(1, np.rint(length / steps)).astype(int)
            for length in (self.step, self.reach, self.step / 4)
        )
        grid = tuple(slice(n // 2, None, n) for n in apart)
        for place in np.argwhere(grey[grid] > self.level):
            seed = place * apart + apart // 2
            corner = np.maximum(0, seed - reach)
            window = tuple(map(slice, corner, seed + reach + 1))
            figure = _patch(grey[window], seed - corner, wide) > self.level
            ground = _frame(window, grey.shape) & ~figure
            inside = [directed.within(window) for directed in edges]
            for mask in self._ladder(grey[window], figure, ground, inside):
                score = _step_down(mask, grey[window], inside) * solidity(mask) ** self.convexity
                yield Proposal((int(corner[0]), int(corner[1])), mask, score)

    def _ladder(
        self, grey: np.ndarray, figure: np.ndarray, ground: np.ndarray, edges: list[Edges]
    ) -> Iterator[np.ndarray]:
        """Yield the masks of least energy with ever larger rewards of object pixels."""
        # more than all edges and biases together
        sure = 1 + sum(float(directed.weights.sum()) for directed in edges) + grey.size
        as_object = self.data * np.clip(1 - grey / self.level, 0, 2).astype(float)
        as_object[ground] = sure
        before = np.zeros_like(figure)
        for bias in OBJECT_REWARDS:
            mask, _ = minimum_cut(np.where(figure, sure, bias), as_object, edges)
            if (mask != before).any():
                yield mask
            before = mask


def _patch(grey: np.ndarray, seed: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """Return the grey values about a seed, and darkness elsewhere.

    A patch, not a pixel, is held to be object: the outline of a pixel is shorter than any neck.
    """
    patch = tuple(map(slice, np.maximum(0, seed - wide), seed + wide + 1))
    near = np.full(grey.shape, -np.inf)
    near[patch] = grey[patch]
    return near


def _frame(window: Sequence[slice], shape: Sequence[int]) -> np.ndarray:
    """Return the outermost pixels of a window, but for those on the image's border."""
    size = [min(side.stop, n) - side.start for side, n in zip(window, shape, strict=True)]
    frame = np.zeros(size, bool)
    for axis, (side, n) in enumerate(zip(window, shape, strict=True)):
        along = np.moveaxis(frame, axis, 0)
        along[0] |= side.start > 0
        along[-1] |= side.stop < n
    return frame


def _step_down(mask: np.ndarray, grey: np.ndarray, edges: Sequence[Edges]) -> float:
    """Return how much darker it is beyond the outline, on average; 0 without an outline."""
    total = length = 0.0
    for directed in edges:
        here, there = directed.ends(mask)
        before, after = directed.ends(grey)
        inwards = here.astype(float) - there
        total += float((inwards * (before - after)).sum()) / directed.length
        length += np.count_nonzero(inwards) / directed.length
    return max(0.0, total / length) if length else 0.0


def solidity(mask: np.ndarray) -> float:
    """Return the area of a mask over that of the convex hull of its pixels (as squares).

    Parameters
    ----------
    mask : (rows, columns) bool array
        With at least one pixel.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - mask[rows, ::-1].argmax(axis=1)
    # a hull touches no other corners than those at both ends of a row
    ends = [(rows + below, side) for below in (0, 1) for side in (first, last)]
    corners = np.concatenate([np.stack(end, axis=1) for end in ends]).astype(float)
    order = np.lexsort(corners.T[::-1])
    return int(mask.sum()) / _hull_area(corners[order])


@compiled
def _hull_area(points: np.ndarray) -> float:
    """Return the area of the convex hull of points (n, 2) in lexicographic order.

    Andrew's monotone chain; Qhull takes a millisecond to set up.
    """
    twice = 0.0
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
            twice += side * (y1 - y0) * (x0 + x1)
    return abs(twice) / 2
