"""Thresholding followed by a watershed of the distance transform.

Pixels above the threshold (Otsu, IEEE Trans. SMC 1979; `septum.classical.base`) are foreground.
The peaks of its distance transform that rise ``h`` above the saddles to higher peaks (h-maxima;
Soille, Morphological Image Analysis, 2003, section 6.3.3) are the markers of a watershed
(Meyer, Signal Processing 1994) of the negative distance, which splits objects at their necks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from septum.classical.base import Length, Method


class Watershed(Method):
    """Threshold, then watershed from the peaks of the distance transform.

    Parameters
    ----------
    h : float
        Height of a peak above the saddle to a higher one, in pixels; 0 for no splitting.

    Notes
    -----
    The other parameters are those of `septum.classical.base.Method`.
    """

    h: Length = 1.0

    @classmethod
    def grid(cls, edge: float) -> dict[str, Sequence[Any]]:
        """Return the values that tuning tries (`septum.classical.base.Method.grid`)."""
        return {**Method.grid(edge), "h": (1.0, 0.0, 0.5, 0.75, 1.5, 2.0, 3.0)}

    def find(self, grey: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Return a label map (`septum.classical.base.Method.find`)."""
        return split_at_necks(grey > self.level, self.h, steps)


def split_at_necks(mask: np.ndarray, h: float, steps: np.ndarray) -> np.ndarray:
    """Split a foreground into objects at its necks.

    Parameters
    ----------
    mask : (*spatial) bool array
    h : float
        Height of a peak of the distance transform above the saddle to a higher one.
    steps : (axes,) array
        Distance between pixel centres, in the unit of ``h``.

    Returns
    -------
    (*spatial) int32 array
        Ids 1 … n, 0 outside the mask. Pixels are connected through faces.
    """
    if not h:
        return ndimage.label(mask)[0]
    distance = ndimage.distance_transform_edt(mask, sampling=steps)
    # the background is so deep that every component has a peak
    surface = np.where(mask, distance, -1 - h)
    faces = ndimage.generate_binary_structure(mask.ndim, 1)
    # skimage's h_maxima is not used: it finds equal peaks however shallow the saddle between them
    peaks = local_maxima(reconstruction(surface - h, surface, footprint=faces), footprint=faces)
    seeds, _ = ndimage.label(peaks & mask)
    return watershed(-distance, seeds, mask=mask)
