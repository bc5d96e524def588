"""Random label maps, and the distances to their objects, one transform an object."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from scipy import ndimage


def distances_by_object(labels, spacing=None):
    """Return d1, d2 from one Euclidean distance transform an object."""
    ids = [i for i in np.unique(labels) if i]
    stack = np.full((max(2, len(ids)), *labels.shape), np.inf)
    for row, i in zip(stack, ids, strict=False):
        row[...] = ndimage.distance_transform_edt(labels != i, sampling=spacing)
    stack.sort(axis=0)
    return stack[0], stack[1]


@st.composite
def label_maps(draw):
    """Draw blobs and scattered pixels of 1 to 3 dimensions, touching or apart, and a spacing."""
    ndim = draw(st.integers(1, 3))
    longest = {1: 40, 2: 16, 3: 8}[ndim]
    shape = draw(st.tuples(*[st.integers(1, longest)] * ndim))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = random.integers(1, draw(st.integers(2, 9)), shape)
    labels *= random.random(shape) < draw(st.sampled_from([0.0, 0.03, 0.1, 0.5, 1.0]))
    if draw(st.booleans()):
        labels = ndimage.grey_dilation(labels, size=3)
    step = st.sampled_from([1.0, 1.0, 0.25, 0.7, 2.5, 6.0])
    spacing = draw(st.none() | st.tuples(*[step] * ndim))
    return labels, spacing
