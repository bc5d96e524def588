"""Ridges between touching objects."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from label_maps import label_maps
from scipy import ndimage

from septum.instances.touching import separate_touching


def test_one_side_gives_way():
    labels = np.array(
        [
            [1, 1, 2, 2],
            [1, 1, 2, 2],
            [1, 1, 0, 0],
            [1, 1, 1, 3],
        ]
    )
    assert separate_touching(labels).tolist() == [
        [1, 0, 2, 2],
        [1, 0, 2, 2],
        [1, 0, 0, 0],
        [1, 1, 0, 3],
    ]


def test_objects_apart_stay():
    labels = np.array([[1, 1, 0, 2, 2]], np.uint16)
    assert separate_touching(labels).tolist() == labels.tolist()
    assert separate_touching(labels).dtype == np.uint16


@given(label_maps())
@settings(max_examples=100, deadline=None)
def test_nothing_touches_and_only_touching_pixels_go(drawn):
    labels, _ = drawn
    ridged = separate_touching(labels)
    everywhere = np.ones((3,) * labels.ndim)
    for i in np.unique(ridged[ridged > 0]):
        around = ndimage.binary_dilation(ridged == i, everywhere)
        assert set(np.unique(ridged[around])) <= {0, i}
    for i in np.unique(labels[labels > 0]):
        others = (labels > 0) & (labels != i)
        touching = ndimage.binary_dilation(others, everywhere)
        kept = (labels == i) & ~touching
        assert (ridged[kept] == i).all()
        assert set(np.unique(ridged[labels == i])) <= {0, i}


def test_ids_beyond_float32():
    labels = np.array([2**24, 2**24 + 1, 0, 2**32 - 1], np.uint32)
    assert separate_touching(labels).tolist() == [0, 2**24 + 1, 0, 2**32 - 1]
