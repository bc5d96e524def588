"""What all ways of decoding have in common."""

from __future__ import annotations

import numpy as np
import pytest

from septum.config import registry
from septum.decoding.base import DecodingMethod, Maps, likeliest_channels, method_class, size_tuning


@pytest.mark.parametrize("name", registry.METHODS)
@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_a_way_tunes_the_parameters_that_its_record_names_within_their_bounds(name, spatial_dims):
    method, record = method_class(name), registry.METHODS[name]
    assert issubclass(method, DecodingMethod)
    tuning = {**method.tuning(spatial_dims), **size_tuning(8, "panoptic")}
    assert list(tuning) == [parameter.name for parameter in record.parameters]
    for parameter in record.parameters:
        how = tuning[parameter.name]
        for value in (how.start, *how.values):
            assert parameter.above is None or value > parameter.above
            assert parameter.below is None or value < parameter.below
            assert parameter.least is None or value >= parameter.least
            assert parameter.most is None or value <= parameter.most


def test_every_way_of_a_head_has_a_record():
    for head in registry.HEADS.values():
        assert set(head.methods) <= set(registry.METHODS), head.name


def test_minimum_sizes_are_tried_about_the_plan_s():
    sizes = size_tuning(8, "instance")
    assert list(sizes) == ["min_size"]
    assert (sizes["min_size"].start, sizes["min_size"].values) == (8, (4, 8, 16, 24))
    # 0, 2, 8 and 32 times the smallest object
    assert size_tuning(5, "panoptic")["min_stuff"].values == (0, 10, 40, 160)


def test_foreground_is_inside_and_border():
    probabilities = np.array([[0.5, 0.1], [0.25, 0.5], [0.0, 0.25], [0.25, 0.15]], np.float32)
    maps = Maps(probabilities, np.zeros((0, 2)), things=(1, 2), has_border=True)
    np.testing.assert_array_equal(maps.inside, np.float32([0.25, 0.75]))
    np.testing.assert_allclose(maps.foreground, [0.5, 0.9], rtol=1e-6)
    plain = Maps(probabilities[:3], np.zeros((0, 2)), things=(1, 2))
    np.testing.assert_array_equal(plain.foreground, plain.inside)


def test_an_object_has_the_class_most_probable_over_its_pixels():
    probabilities = np.zeros((3, 1, 4), np.float32)
    probabilities[1] = [[0.6, 0.1, 0.1, 0.9]]
    probabilities[2] = [[0.4, 0.8, 0.8, 0.1]]
    maps = Maps(probabilities, np.zeros((0, 1, 4)), things=(1, 2))
    # object 1: 0.8 of the first class against 2.0 of the second
    assert likeliest_channels(np.array([[1, 1, 1, 2]]), maps).tolist() == [2, 1]
    assert likeliest_channels(np.zeros((1, 4), int), maps).tolist() == []
