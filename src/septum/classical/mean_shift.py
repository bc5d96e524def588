"""Mean shift in the joint domain of position and grey value.

Comaniciu and Meer, IEEE TPAMI 2002, https://doi.org/10.1109/34.1000236

Every pixel is shifted to a mode of the density of pixels in position and grey value, which is
estimated with a flat kernel of radius ``radius`` in space and ``contrast`` in grey value. Pixels
whose mode is above the threshold are foreground, and neighbours with close modes belong to the
same object. A radius of about half an object separates touching objects, since pixels are
shifted to the centre of their own object. Departure: modes are close if they lie within half of
each radius, whereas the paper uses the whole radius, which links modes of neighbouring objects.

The algorithm is implemented here, and compiled, since OpenCV's version accepts only 8-bit colour
images in 2-D, and scikit-learn's version clusters points and takes minutes for an image.
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
"""Largest number of steps of a pixel, which is rarely reached."""
MIN_SHIFT_PX = 0.01
"""Length of a step, in pixels, below which a pixel stops; larger limits stop it too early."""


class MeanShift(Method):
    """Segments of pixels that are shifted to the same mode of position and grey value.

    Parameters
    ----------
    radius : float
        Radius of the kernel in space, in pixels.
    contrast : float
        Radius of the kernel in grey value, where 1 is the contrast of objects to the background.

    Notes
    -----
    The other parameters are those of `septum.classical.base.Method`.
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
    """Shift every pixel to a mode of the density of pixels.

    Parameters
    ----------
    grey : (*spatial) float array
    steps : (axes,) array
        Distance between pixel centres, in the unit of ``radius``.
    radius, contrast : float
        Radii of the flat kernel, in space and in grey value.

    Returns
    -------
    positions : (axes, *spatial) float64 array
        Positions of the modes in the unit of ``radius``; the first pixel lies at 0.
    values : (*spatial) float64 array
        Grey values of the modes.
    """
    # NaN is close to no grey value, so that pixels beyond the border are not counted
    margin = np.ceil(radius / steps).astype(int) + 1
    padded = np.pad(grey.astype(float), [(m, m) for m in margin], constant_values=np.nan)
    strides = np.array(padded.strides) // padded.itemsize
    reach = np.stack(np.meshgrid(*[np.arange(-m, m + 1) for m in margin], indexing="ij"), -1)
    reach = reach.reshape(-1, grey.ndim)
    # the centre of the kernel lies up to half a pixel from the pixel that offsets start at
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
    position, total = np.empty(ndim), np.empty(ndim)
    residual = np.empty(ndim)
    for pixel in range(len(starts)):
        position[:] = starts[pixel] * steps
        value = grey[(starts[pixel] * strides).sum()]
        for _ in range(MAX_SHIFTS):
            # the pixel that is nearest to the kernel's centre, and its offset from the centre
            centre = 0
            for axis in range(ndim):
                nearest = int(np.floor(position[axis] / steps[axis] + 0.5))
                centre += nearest * strides[axis]
                residual[axis] = nearest * steps[axis] - position[axis]
            total[:] = 0.0
            sum_of_values, count = 0.0, 0
            for k in range(offsets.size):
                neighbour = grey[centre + offsets[k]]
                if not abs(neighbour - value) <= contrast:
                    continue
                square = 0.0
                for axis in range(ndim):
                    square += (reach[k, axis] + residual[axis]) ** 2
                if square <= radius * radius:
                    count += 1
                    sum_of_values += neighbour
                    for axis in range(ndim):
                        total[axis] += reach[k, axis] + residual[axis]
            if count == 0:
                break
            shift = 0.0
            for axis in range(ndim):
                position[axis] += total[axis] / count
                shift += (total[axis] / count) ** 2
            change = abs(sum_of_values / count - value)
            value = sum_of_values / count
            if shift < MIN_SHIFT_PX**2 and change < MIN_SHIFT_PX * contrast:
                break
        ends[pixel, :ndim] = position
        ends[pixel, ndim] = value
    return ends


def _segments(
    positions: np.ndarray, values: np.ndarray, bright: np.ndarray, radius: float, contrast: float
) -> np.ndarray:
    """Label the components of bright face neighbours whose modes lie within both radii."""
    ids = np.arange(values.size).reshape(values.shape)
    pairs = []
    for axis in range(values.ndim):
        before = tuple(slice(None, -1 if a == axis else None) for a in range(values.ndim))
        after = tuple(slice(int(a == axis), None) for a in range(values.ndim))
        squared_distance = ((positions[:, *before] - positions[:, *after]) ** 2).sum(0)
        close = (squared_distance <= radius**2) & (
            np.abs(values[before] - values[after]) <= contrast
        )
        close &= bright[before] & bright[after]
        pairs.append((ids[before][close], ids[after][close]))
    first, second = (np.concatenate(side) for side in zip(*pairs, strict=True))
    joined = coo_array((np.ones(len(first), bool), (first, second)), shape=(ids.size, ids.size))
    return connected_components(joined, directed=False)[1].reshape(values.shape) + 1
