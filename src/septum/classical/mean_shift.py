"""Mean shift in the joint domain of position and grey value.

Comaniciu and Meer, IEEE TPAMI 2002, https://doi.org/10.1109/34.1000236

Every pixel climbs to the mode of the density of pixels in position and grey value (flat kernel
of radius ``radius`` in space and ``contrast`` in grey value). Those whose mode is above the
threshold are foreground; neighbours among them belong together where their modes are near to
each other. A radius of about half an object parts objects that touch, since each draws its
pixels to its own centre. Departure: modes are near within half of each radius, where the paper
has the whole, over which the modes of one object chain up with those of the next.

Written out here, and compiled, since the libraries' versions are of other use: OpenCV's takes
8-bit colour images in 2-D only, scikit-learn's clusters points and needs minutes for an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from septum.classical.base import Method
from septum.jit import compiled

MAX_SHIFTS = 100
"""Steps after which a pixel stays where it is; hardly any needs so many."""
MIN_SHIFT_PX = 0.01
"""A step shorter than this share of a pixel is the last; larger, and pixels stop on their way."""


class MeanShift(Method):
    """Segments of pixels that climb to one mode of position and grey value.

    Parameters
    ----------
    radius : float
        Of the kernel in space, in pixels.
    contrast : float
        Radius of the kernel in grey value, where 1 is the contrast of objects to background.

    Notes
    -----
    The others are those of `septum.classical.base.Method`.
    """

    radius: Annotated[float, Field(ge=1)] = 5.0
    contrast: Annotated[float, Field(gt=0)] = 0.5

    tuning_pixels: ClassVar[int] = 2**20

    @classmethod
    def grid(cls, edge: float) -> dict[str, Sequence[Any]]:
        """Return the values that tuning tries (`septum.classical.base.Method.grid`)."""
        radii = (0.35, 0.2, 0.5, 0.7)
        return {
            **Method.grid(edge),
            "radius": tuple(max(1.0, round(share * edge, 1)) for share in radii),
            "contrast": (0.5, 0.25, 1.0),
        }

    def find(self, grey: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Return a label map (`septum.classical.base.Method.find`)."""
        positions, values = modes(grey, steps, radius=self.radius, contrast=self.contrast)
        bright = values > self.level
        segments = _segments(positions, values, bright, self.radius / 2, self.contrast / 2)
        return np.where(bright, segments, 0)


def modes(
    grey: np.ndarray, steps: np.ndarray, *, radius: float, contrast: float
) -> tuple[np.ndarray, np.ndarray]:
    """Shift every pixel to the mode it climbs to.

    Parameters
    ----------
    grey : (*spatial) float array
    steps : (axes,) array
        Distance between pixel centres, in the unit of ``radius``.
    radius, contrast : float
        Of the flat kernel, in space and in grey value.

    Returns
    -------
    positions : (axes, *spatial) float64 array
        In the unit of ``radius``; the first pixel lies at 0.
    values : (*spatial) float64 array
        Grey values.
    """
    # NaN is near to no grey value: the kernel never reaches over the border
    margin = np.ceil(radius / steps).astype(int) + 1
    padded = np.pad(grey.astype(float), [(m, m) for m in margin], constant_values=np.nan)
    strides = np.array(padded.strides) // padded.itemsize
    reach = np.stack(np.meshgrid(*[np.arange(-m, m + 1) for m in margin], indexing="ij"), -1)
    reach = reach.reshape(-1, grey.ndim)
    # the kernel's centre lies up to half a pixel off the pixel it is counted from
    farthest = radius + np.linalg.norm(steps) / 2
    reach = reach[np.linalg.norm(reach * steps, axis=1) <= farthest]
    starts = np.stack(np.meshgrid(*map(np.arange, grey.shape), indexing="ij"), -1)
    starts = starts.reshape(-1, grey.ndim) + margin
    ends = _climb(
        padded.ravel(),
        starts,
        strides,
        reach * np.asarray(steps, float),
        reach @ strides,
        np.asarray(steps, float),
        float(radius),
        float(contrast),
    )
    positions = ends[:, :-1] - margin * steps
    return positions.T.reshape(grey.ndim, *grey.shape), ends[:, -1].reshape(grey.shape)


@compiled
def _climb(
    grey: np.ndarray,
    starts: np.ndarray,
    strides: np.ndarray,
    reach: np.ndarray,
    offsets: np.ndarray,
    steps: np.ndarray,
    radius: float,
    contrast: float,
) -> np.ndarray:
    ndim = steps.size
    ends = np.empty((len(starts), ndim + 1))
    here, total = np.empty(ndim), np.empty(ndim)
    away = np.empty(ndim)
    for pixel in range(len(starts)):
        here[:] = starts[pixel] * steps
        value = grey[(starts[pixel] * strides).sum()]
        for _ in range(MAX_SHIFTS):
            # the pixel under the kernel's centre, and how far the centre lies off it
            centre = 0
            for axis in range(ndim):
                nearest = int(np.floor(here[axis] / steps[axis] + 0.5))
                centre += nearest * strides[axis]
                away[axis] = nearest * steps[axis] - here[axis]
            total[:] = 0.0
            sum_of_values, count = 0.0, 0
            for k in range(offsets.size):
                other = grey[centre + offsets[k]]
                if not abs(other - value) <= contrast:
                    continue
                square = 0.0
                for axis in range(ndim):
                    square += (reach[k, axis] + away[axis]) ** 2
                if square <= radius * radius:
                    count += 1
                    sum_of_values += other
                    for axis in range(ndim):
                        total[axis] += reach[k, axis] + away[axis]
            if count == 0:
                break
            shift = 0.0
            for axis in range(ndim):
                here[axis] += total[axis] / count
                shift += (total[axis] / count) ** 2
            change = abs(sum_of_values / count - value)
            value = sum_of_values / count
            if shift < MIN_SHIFT_PX**2 and change < MIN_SHIFT_PX * contrast:
                break
        ends[pixel, :ndim] = here
        ends[pixel, ndim] = value
    return ends


def _segments(
    positions: np.ndarray, values: np.ndarray, bright: np.ndarray, radius: float, contrast: float
) -> np.ndarray:
    """Join bright neighbours (through faces) whose modes lie within both radii, from 1 on."""
    ids = np.arange(values.size).reshape(values.shape)
    pairs = []
    for axis in range(values.ndim):
        before = tuple(slice(None, -1 if a == axis else None) for a in range(values.ndim))
        after = tuple(slice(int(a == axis), None) for a in range(values.ndim))
        square = ((positions[:, *before] - positions[:, *after]) ** 2).sum(0)
        near = (square <= radius**2) & (np.abs(values[before] - values[after]) <= contrast)
        near &= bright[before] & bright[after]
        pairs.append((ids[before][near], ids[after][near]))
    first, second = (np.concatenate(side) for side in zip(*pairs, strict=True))
    joined = coo_array((np.ones(len(first), bool), (first, second)), shape=(ids.size, ids.size))
    return connected_components(joined, directed=False)[1].reshape(values.shape) + 1
