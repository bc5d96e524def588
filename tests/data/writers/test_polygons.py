"""Outlines of masks: they hold exactly the pixels."""

from __future__ import annotations

import numpy as np
from delivered import filled, masks

from septum.data.writers.polygons import polygons


def test_outlines_hold_exactly_the_pixels():
    for mask in masks():
        found = polygons(mask, (2, 3))
        rings = [ring for polygon in found for ring in polygon]
        shape = mask.shape[0] + 2, mask.shape[1] + 3
        np.testing.assert_array_equal(filled(rings, shape), np.pad(mask, ((2, 0), (3, 0))))
        for ring in rings:
            assert len(set(ring)) == len(ring) >= 4
        for outer, *holes in found:
            inside = filled([outer], shape)
            assert all((filled([hole], shape) <= inside).all() for hole in holes)


def test_an_outline_by_hand():
    ring = np.ones((3, 3), bool)
    ring[1, 1] = False
    outer = [(0, 0), (3, 0), (3, 3), (0, 3)]
    hole = [(1, 1), (1, 2), (2, 2), (2, 1)]
    ((found, inner),) = polygons(ring)
    assert sorted(found) == sorted(outer)
    assert inner[inner.index((1, 1)) :] + inner[: inner.index((1, 1))] == hole
    # two pixels that share a corner are two parts; two holes that do are two holes
    assert len(polygons(np.eye(2, dtype=bool))) == 2
    assert [len(polygon) for polygon in polygons(~np.pad(np.eye(2, dtype=bool), 1))] == [3]
