"""Graph cuts (Boykov and Jolly, ICCV 2001) without user interaction.

https://doi.org/10.1109/ICCV.2001.937505

Data terms are the negative log-likelihoods of grey values in the two classes, and contrast terms
favour outlines between neighbours of different grey values. The labelling of minimum energy is
found exactly (`septum.classical.mincut`). Departures: the models of the classes are estimated
from the pixels below and above the threshold, whereas the paper uses strokes of a user, which
are also hard constraints. Neighbours share a face, whereas the paper also connects diagonal
neighbours. A cut separates objects from background but not from each other, so that touching
objects are split at their necks as in `septum.classical.watershed`.
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

HISTOGRAM_BINS = 64


class GraphCut(Method):
    """Foreground by a minimum cut, then watershed from the peaks of the distance transform.

    Parameters
    ----------
    data : {"gaussian", "histogram"}
        Model of the grey values of a class.
    smoothness : float
        Weight of the contrast terms relative to the data terms.
    h : float
        As in `septum.classical.watershed.Watershed`.

    Notes
    -----
    The other parameters are those of `septum.classical.base.Method`.
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
        # only the difference of the two costs matters, and capacities must not be negative
        smaller = np.minimum(as_background, as_object)
        as_background, as_object = (c - smaller for c in (as_background, as_object))
        edges = contrast_edges(grey, steps, connectivity=1)
        # dividing the data terms is equivalent to multiplying the contrast terms
        mask, _ = minimum_cut(as_background / self.smoothness, as_object / self.smoothness, edges)
        return split_at_necks(mask, self.h, steps)


def _gaussian_costs(grey: np.ndarray, bright: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return −log p of grey values in background and objects, less the constant log √(2π)."""
    costs = []
    low, high = grey[~bright].mean(dtype=float), grey[bright].mean(dtype=float)
    # clipped, since beyond the means the wider Gaussian is the more probable one, so that the
    # darkest pixels might be objects
    values = np.clip(grey.astype(float), low, high)
    for mean, of_class in ((low, grey[~bright]), (high, grey[bright])):
        # at least a hundredth of the contrast, for classes of constant grey value
        deviation = max(float(of_class.std(dtype=float)), 0.01)
        costs.append((values - mean) ** 2 / (2 * deviation**2) + np.log(deviation))
    return costs[0], costs[1]


def _histogram_costs(grey: np.ndarray, bright: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return −log p of grey values in background and objects, from smoothed histograms."""
    # the classes are certain below −0.5 and above 1.5, since their means are near 0 and 1
    bins = np.clip((grey + 0.5) / 2 * HISTOGRAM_BINS, 0, HISTOGRAM_BINS - 1).astype(int)
    costs = []
    for of_class in (~bright, bright):
        counts = np.bincount(bins[of_class], minlength=HISTOGRAM_BINS).astype(float)
        # smoothed to overlap, since both histograms end at the threshold
        counts = ndimage.gaussian_filter1d(counts, HISTOGRAM_BINS / 16, mode="constant") + 1e-3
        costs.append(-np.log(counts / counts.sum())[bins])
    return costs[0], costs[1]
