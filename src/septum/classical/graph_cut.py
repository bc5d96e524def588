"""Interactive graph cuts without the interaction: Boykov and Jolly, ICCV 2001.

https://doi.org/10.1109/ICCV.2001.937505

Data terms are the negative logarithms of how likely a grey value is in either class, contrast
terms let the outline run where neighbours differ; the labelling of least energy is found
exactly (`septum.classical.mincut`). Departures: the classes are learnt from the two sides of
the threshold, where the paper has a user's strokes, which are also hard constraints;
neighbours share a face, where the paper also takes diagonal ones. A cut tells objects from
background but not from each other: touching ones are parted at their necks, as by
`septum.classical.watershed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field
from scipy import ndimage

from septum.classical.base import Length, Method
from septum.classical.mincut import contrast_edges, minimum_cut
from septum.classical.watershed import split_at_necks

BINS = 64


class GraphCut(Method):
    """Foreground by a minimum cut, then watershed from the peaks of the distance transform.

    Parameters
    ----------
    data : {"gaussian", "histogram"}
        How the grey values of a class are modelled.
    smoothness : float
        Weight of the contrast terms against the data terms.
    h : float
        As in `septum.classical.watershed.Watershed`.

    Notes
    -----
    The others are those of `septum.classical.base.Method`.
    """

    data: Literal["gaussian", "histogram"] = "gaussian"
    smoothness: Annotated[float, Field(gt=0)] = 1.0
    h: Length = 1.0

    @classmethod
    def grid(cls, edge: float) -> dict[str, Sequence[Any]]:
        """Return the values that tuning tries (`septum.classical.base.Method.grid`)."""
        return {
            **Method.grid(edge),
            "data": ("gaussian", "histogram"),
            "smoothness": (1.0, 0.25, 0.5, 2.0, 4.0, 8.0),
            "h": (1.0, 0.0, 0.5, 0.75, 1.5, 2.0),
        }

    def find(self, grey: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Return a label map (`septum.classical.base.Method.find`)."""
        bright = grey > self.level
        if bright.all() or not bright.any():
            return split_at_necks(bright, self.h, steps)
        costs = _gaussian_costs if self.data == "gaussian" else _histogram_costs
        as_background, as_object = costs(grey, bright)
        # only the difference of the two decides; a flow needs both to be positive
        least = np.minimum(as_background, as_object)
        as_background, as_object = (c - least for c in (as_background, as_object))
        edges = contrast_edges(grey, steps, connectivity=1)
        # data terms are divided, which is the same as contrast terms multiplied
        mask, _ = minimum_cut(as_background / self.smoothness, as_object / self.smoothness, edges)
        return split_at_necks(mask, self.h, steps)


def _gaussian_costs(grey: np.ndarray, bright: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return −log p of each grey value in the background and in the objects (without 2π)."""
    costs = []
    low, high = grey[~bright].mean(dtype=float), grey[bright].mean(dtype=float)
    # beyond the means the wider of the two would win, and the darkest pixels be objects
    values = np.clip(grey.astype(float), low, high)
    for mean, of_class in ((low, grey[~bright]), (high, grey[bright])):
        # of a class without spread, a hundredth of the contrast
        deviation = max(float(of_class.std(dtype=float)), 0.01)
        costs.append((values - mean) ** 2 / (2 * deviation**2) + np.log(deviation))
    return costs[0], costs[1]


def _histogram_costs(grey: np.ndarray, bright: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return −log p of each grey value in the background and in the objects."""
    # the classes' means are near 0 and 1: beyond −0.5 and 1.5 there is no doubt left
    place = np.clip((grey + 0.5) / 2 * BINS, 0, BINS - 1).astype(int)
    costs = []
    for of_class in (~bright, bright):
        counts = np.bincount(place[of_class], minlength=BINS).astype(float)
        # the threshold cuts both histograms off: smoothed, they overlap
        counts = ndimage.gaussian_filter1d(counts, BINS / 16, mode="constant") + 1e-3
        costs.append(-np.log(counts / counts.sum())[place])
    return costs[0], costs[1]
