"""Label maps drawn by formula, for tests of several modules."""

from __future__ import annotations

import numpy as np


def balls(shape, centres, radius):
    """Return discs (2-D) or balls (3-D), numbered from 1; where two overlap, the first."""
    grid = np.indices(shape)
    labels = np.zeros(shape, np.int32)
    for number, centre in enumerate(centres, start=1):
        square = sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True))
        labels[(square <= radius**2) & (labels == 0)] = number
    return labels
