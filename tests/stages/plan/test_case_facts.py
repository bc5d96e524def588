"""What is measured on a single case."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from septum.data.store import VOID, Case, Geometry
from septum.data.store_attributes import IntensityStatistics
from septum.stages.plan.case_facts import measure, pieces, touching_objects

STATISTICS = IntensityStatistics({}, mean=[4.5, 45.0], std=[])


def case(semantic=None, instance=None):
    image = np.array([[[1, 2, 3, 4], [5, 6, 7, 8]], [[10, 20, 30, 40], [50, 60, 70, 80]]], np.uint8)
    geometry = Geometry((2.0, 0.5), "micrometer", None, {"reader": "tiff"})
    return Case("a", image, semantic, instance, geometry, STATISTICS)


def test_facts_of_a_case_by_hand():
    semantic = np.array([[1, 1, 0, 2], [0, 1, VOID, 2]], np.uint16)
    instance = np.array([[3, 3, 0, 0], [0, 7, 0, 0]], np.uint32)
    facts = measure(case(semantic, instance))
    assert (facts.size, facts.spacing, facts.unit) == ((2, 4), (2.0, 0.5), "micrometer")
    assert (facts.channels, facts.dtype, facts.reader) == (2, "uint8", "tiff")
    assert facts.class_pixels == {0: 2, 1: 3, 2: 2}
    assert facts.thing_classes == {1}
    assert facts.object_pixels.tolist() == [2, 1]
    assert (facts.touching, facts.multipart) == (2, 0)
    assert (facts.annotated, facts.amount) == (True, 2.0)
    assert facts.foreground.tolist() == [[1, 2, 4, 6, 8], [10, 20, 40, 60, 80]]


def test_facts_without_objects_and_without_labels():
    semantic = np.array([[1, 1, 0, 0], [0, 1, 0, 0]], np.uint16)
    facts = measure(case(semantic), sample=2)
    assert facts.object_pixels is None
    assert facts.amount == 3.0
    assert facts.foreground.shape == (2, 2)
    nothing = measure(case())
    assert (nothing.annotated, nothing.amount, nothing.class_pixels) == (False, 0.0, {})


def test_touching_counts_sides_and_corners():
    labels = np.array(
        [
            [1, 1, 0, 3, 0, 0],
            [1, 1, 0, 0, 4, 0],
            [2, 2, 0, 0, 0, 0],
            [0, 0, 0, 5, 5, 0],
            [6, 0, 0, 5, 5, 0],
        ]
    )
    # 1-2 by a side, 3-4 by a corner, 5 and 6 by none
    assert touching_objects(labels).tolist() == [False, True, True, True, True, False, False]


def test_touching_in_a_volume_by_an_edge_across_slices():
    labels = np.zeros((2, 3, 3), int)
    labels[0, 0, 0], labels[1, 1, 1], labels[1, 1, 0] = 1, 2, 0
    assert touching_objects(labels).tolist() == [False, True, True]
    labels[1, 1, 1], labels[1, 2, 2] = 0, 2
    assert not touching_objects(labels).any()


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        np.uint8, hnp.array_shapes(min_dims=2, max_dims=3, max_side=6), elements=st.integers(0, 4)
    )
)
def test_touching_and_pieces_agree_with_one_object_at_a_time(labels):
    full = np.ones((3,) * labels.ndim)
    touch, parts = touching_objects(labels), pieces(labels)
    for index in range(1, labels.max() + 1):
        inside = labels == index
        around = ndimage.binary_dilation(inside, full) & ~inside
        assert touch[index] == bool((labels[around] > 0).any())
        assert parts[index] == ndimage.label(inside, full)[1]
