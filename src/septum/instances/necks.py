"""Split an object where it has a neck: two cells that have grown together look like an 8.

The distance to the object's outline has a peak in each of the two parts and a saddle in the
neck. The parts are two where the neck is narrower than a fraction of the narrower part, which
is the h-maxima transform (Soille, Morphological Image Analysis, 2003, section 6.3.3) on a
logarithmic scale: it knows no size in pixels. Computed by flooding from the peaks downwards
and joining basins where they meet, in time n log n, in any number of dimensions.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from septum.jit import compiled


def split_necks(labels: np.ndarray, *, ratio: float = 0.5) -> np.ndarray:
    """Return the labels with every object split at its necks.

    Parameters
    ----------
    labels : (*spatial) integer array
        Connected objects, 0 is background. Objects do not share faces.
    ratio : float
        A neck separates where its width is below this fraction of that of the narrower of the
        two parts, 0 < ratio < 1.

    Returns
    -------
    (*spatial) int32 array
        Parts 1 … n in raster order; each lies in one object.

    Examples
    --------
    Two squares of 3 × 3 pixels, joined by a neck that is one pixel wide:

    >>> eight = np.ones((3, 8), int)
    >>> eight[[0, 2], 3:5] = 0
    >>> split_necks(eight)
    array([[1, 1, 1, 0, 0, 2, 2, 2],
           [1, 1, 1, 1, 2, 2, 2, 2],
           [1, 1, 1, 0, 0, 2, 2, 2]], dtype=int32)
    """
    padded = np.pad(labels, 1)
    # from the centre of a pixel to the outline, not to the centre of the first pixel beyond
    width = ndimage.distance_transform_edt(padded) - 0.5
    inside = np.flatnonzero(padded)
    order = inside[np.argsort(-width.ravel()[inside], kind="stable")]
    parts = _flood(width.ravel(), padded.ravel(), inside, order, _offsets(padded.shape), ratio)
    return parts.reshape(padded.shape)[(slice(1, -1),) * labels.ndim]


def _offsets(shape: tuple[int, ...]) -> np.ndarray:
    """Return the steps to all neighbours in a flattened array."""
    strides = np.append(np.cumprod(shape[:0:-1], dtype=np.intp)[::-1], 1)
    steps = np.stack(np.meshgrid(*[[-1, 0, 1]] * len(shape), indexing="ij"), -1)
    offsets = steps.reshape(-1, len(shape)) @ strides
    return offsets[offsets != 0]


@compiled
def _flood(
    width: np.ndarray,
    labels: np.ndarray,
    inside: np.ndarray,
    order: np.ndarray,
    offsets: np.ndarray,
    ratio: float,
) -> np.ndarray:
    basins = np.zeros(width.size, np.int32)
    parent = np.zeros(order.size + 1, np.int32)
    peak = np.zeros(order.size + 1)
    count = 0
    for pixel in order:
        # the pixel joins the basin of its highest neighbour
        best, height = 0, -1.0
        for offset in offsets:
            other = pixel + offset
            if labels[other] != labels[pixel] or basins[other] == 0:
                continue
            root = basins[other]
            while parent[root] != root:
                parent[root] = parent[parent[root]]
                root = parent[root]
            if best == 0:
                best, height = root, width[other]
            elif root != best:
                if width[pixel] >= ratio * min(peak[root], peak[best]):
                    # no neck: the lower peak belongs to the higher one
                    if peak[root] > peak[best] or (peak[root] == peak[best] and root < best):
                        parent[best] = root
                        best = root
                    else:
                        parent[root] = best
                elif width[other] > height:
                    best, height = root, width[other]
        if best == 0:
            count += 1
            best = count
            parent[best] = best
            peak[best] = width[pixel]
        basins[pixel] = best
    number = np.zeros(count + 1, np.int32)
    total = 0
    for pixel in inside:
        root = basins[pixel]
        while parent[root] != root:
            root = parent[root]
        if number[root] == 0:
            total += 1
            number[root] = total
        basins[pixel] = number[root]
    return basins
