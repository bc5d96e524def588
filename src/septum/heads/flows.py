"""The flows head: classes, and a vector field that points to the centres of objects.

Stringer, Wang, Michaelos, Pachitariu, *Cellpose: a generalist algorithm for cellular
segmentation*, Nature Methods 18, 2021, https://doi.org/10.1038/s41592-020-01018-x: heat
diffuses from the centre of an object within the object, and the flow is the normalised gradient
of the heat. Objects are decoded by `septum.decoding.flows`.

There may be any number of axes. Departures from the paper's implementation: an object of several
pieces has a centre in each of them, since no flow leads from one piece to another. The gradient
takes the heat of other objects as 0, where the released code reads it, so that the flow of an
object does not depend on touching objects.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from skimage.measure import label as label_values
from torch import Tensor

from septum.heads.base import Regression, RegressionHead
from septum.jit import compiled

MIN_RELATIVE_SLOPE = 1e-9
"""Difference of heat, relative to the heat, below which the slope is 0."""
FLOW_SCALE = 5.0
"""Factor on flows in the network's outputs, as in the Cellpose paper."""


class Flows(Regression):
    """Vectors towards the centre of the object, with one channel for each axis."""

    @staticmethod
    def channels(spatial_dims: int) -> int:
        """Return the number of axes."""
        return spatial_dims

    @staticmethod
    def target(instance: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
        """Return the flows (see `Regression.target`)."""
        return flow_targets(np.maximum(instance, 0))

    @staticmethod
    def losses(outputs: Tensor, target: Tensor, valid: Tensor) -> dict[str, Tensor]:
        """Return ``flows``: half the mean squared error of the scaled vectors."""
        errors = (outputs.float() - FLOW_SCALE * target).square().mean(1)
        return {"flows": 0.5 * (errors * valid).sum() / valid.sum().clamp(min=1)}

    @staticmethod
    def activate(outputs: Tensor) -> Tensor:
        """Return the vectors without the factor."""
        return outputs / FLOW_SCALE

    @staticmethod
    def undo_symmetry(
        spatial_dims: int, order: Sequence[int], flips: Sequence[int]
    ) -> tuple[list[int], list[float]] | None:
        """Return the new channel of each axis, and -1 where it was flipped."""
        index = [list(order).index(axis) for axis in range(spatial_dims)]
        return index, [-1.0 if new in flips else 1.0 for new in index]


class FlowsHead(RegressionHead):
    """Background, classes, and gradient flows towards the centre of the instance (`Flows`)."""

    regression = Flows


def flow_targets(instance: np.ndarray) -> np.ndarray:
    """Return the flow of every pixel.

    Parameters
    ----------
    instance : (*spatial) integer array
        Instance ids, 0 for none.

    Returns
    -------
    (ndim, *spatial) float32 array
        Unit vectors, in pixels along each axis; 0 outside objects, and in pixels where the
        gradient of the heat is 0.
    """
    instance = np.asarray(instance)
    pieces = label_values(instance, connectivity=instance.ndim, background=0)
    framed = np.pad(pieces, 1).astype(np.int32)  # so that every object pixel has all neighbours
    ids = framed.ravel()
    pixels = np.flatnonzero(ids)
    pixels = pixels[np.argsort(ids[pixels], kind="stable")]
    ends = np.cumsum(np.bincount(ids)[1:])
    steps = np.array([2 * sum(s.stop - s.start for s in b) for b in ndimage.find_objects(framed)])
    strides = np.array(framed.strides) // framed.itemsize
    around = np.array(list(itertools.product((-1, 0, 1), repeat=framed.ndim))) @ strides
    places = np.stack(np.unravel_index(pixels, framed.shape)).astype(np.float64)
    heat = np.zeros(ids.size)
    _diffuse(ids, pixels, ends, steps.astype(np.int64), places, around, heat)
    # the logarithm keeps gradients usable far from the centre, where there is little heat
    heat = np.log1p(heat)
    flows = np.zeros((framed.ndim, ids.size))
    falls = np.array([_fall(heat, ids, pixels, stride) for stride in strides])
    falls[np.abs(falls) < MIN_RELATIVE_SLOPE * heat[pixels]] = 0  # rounding errors
    flows[:, pixels] = falls / np.maximum(np.linalg.norm(falls, axis=0), np.finfo(float).tiny)
    inside = (slice(None), *(slice(1, -1),) * framed.ndim)
    return flows.reshape(-1, *framed.shape)[inside].astype(np.float32)


def _fall(heat: np.ndarray, ids: np.ndarray, pixels: np.ndarray, stride: int) -> np.ndarray:
    """Return the central difference of heat along an axis, taking other objects as 0."""
    ahead = np.where(ids[pixels + stride] == ids[pixels], heat[pixels + stride], 0)
    behind = np.where(ids[pixels - stride] == ids[pixels], heat[pixels - stride], 0)
    return ahead - behind


@compiled
def _diffuse(
    ids: np.ndarray,
    pixels: np.ndarray,
    ends: np.ndarray,
    steps: np.ndarray,
    places: np.ndarray,
    around: np.ndarray,
    heat: np.ndarray,
) -> None:
    """Heat the middle pixel of every piece and average over neighbours, step by step.

    Parameters
    ----------
    ids : (size,) number of each pixel's piece
    pixels : (n,) flat positions, those of a piece together
    ends : end of each piece in ``pixels``
    steps : of each piece
    places : (ndim, n) coordinates of ``pixels``
    around : flat offsets of a pixel's neighbours and of itself
    heat : (size,), zeros; written
    """
    number = np.zeros(len(ids), np.int32)  # of a pixel within its piece
    start = 0
    for piece in range(len(ends)):
        end = ends[piece]
        count = end - start
        away = np.zeros(count)
        for axis in range(len(places)):
            away += (places[axis, start:end] - places[axis, start:end].mean()) ** 2
        middle = np.argmin(away)
        for i in range(count):
            number[pixels[start + i]] = i
        table = np.empty((count, len(around)), np.int32)
        for i in range(count):
            pixel = pixels[start + i]
            for k in range(len(around)):
                neighbour = pixel + around[k]
                table[i, k] = number[neighbour] if ids[neighbour] == ids[pixel] else count
        now, then = np.zeros(count + 1), np.zeros(count + 1)  # the last is outside: always cold
        for _ in range(steps[piece]):
            now[middle] += 1.0
            for i in range(count):
                total = 0.0
                for k in range(len(around)):
                    total += now[table[i, k]]
                then[i] = total / len(around)
            now, then = then, now
        for i in range(count):
            heat[pixels[start + i]] = now[i]
        start = end
