"""How deep a pixel lies in its object, relative to where the object is thickest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from septum.instances.two_nearest import two_nearest


def relative_depth(instance: np.ndarray, spacing: Sequence[float] | None = None) -> np.ndarray:
    """Return each pixel's distance to the border of its object, over the object's highest.

    Parameters
    ----------
    instance : (*spatial) integer array
        0 for none, -1 outside the image.
    spacing : sequence of float, optional

    Returns
    -------
    (*spatial) float32 array
        Above 0 and at most 1 in objects, 0 elsewhere. The border of the image is none, whether
        the array ends there or goes on with -1.

    Examples
    --------
    >>> relative_depth(np.array([0, 4, 4, 4, 0, 7])).tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0, 1.0]
    """
    instance = np.asarray(instance, np.int64)  # which holds one more than the largest id
    # with background as one more label, the second nearest is what lies beyond the border;
    # what is outside the image has none
    background = instance.max(initial=0) + 1
    labels = np.where(instance == 0, background, np.maximum(instance, 0))
    depth = two_nearest(labels, spacing)[1]
    depth[instance <= 0] = 0
    depth[np.isinf(depth)] = 1  # one object fills the image
    ids, inverse = np.unique(instance, return_inverse=True)
    highest = ndimage.maximum(depth, inverse, np.arange(len(ids)))
    return (depth / np.maximum(highest, 1e-6)[inverse].reshape(depth.shape)).astype(np.float32)
