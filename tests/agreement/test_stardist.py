"""Rays, depths and polygons against StarDist's own functions, on the same maps."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import balls
from stardist.geometry import polygons_to_label, star_dist
from stardist.matching import matching
from stardist.nms import non_maximum_suppression
from stardist.utils import edt_prob

from septum.decoding.stars import draw_stars
from septum.heads.stardist import RAYS, directions, star_targets
from septum.instances.relative_depth import relative_depth
from septum.metrics.matching import match

CELLS = balls((60, 80), [(14, 15), (14, 33), (40, 20), (38, 44), (30, 66)], 10)


def test_depth_is_stardists_object_probability():
    np.testing.assert_allclose(relative_depth(CELLS), edt_prob(CELLS), atol=1e-6)


def test_rays_are_stardists():
    ours = np.moveaxis(star_targets(CELLS)[1:], 0, -1)
    theirs = star_dist(CELLS.astype(np.uint16), RAYS[2], mode="cpp")
    inside = CELLS > 0
    gap = (theirs - ours)[inside]
    # StarDist walks along a ray in steps of one pixel along its longer axis, ours from border to
    # border of the pixels: along the axes both are the same; elsewhere theirs ends within the next
    # pixel, or steps over the corner of another object that the ray grazes
    along_axes = [0, RAYS[2] // 4, RAYS[2] // 2, 3 * RAYS[2] // 4]
    np.testing.assert_allclose(gap[:, along_axes], 0, atol=1e-5)
    assert gap.min() > -0.5
    assert np.quantile(gap, 0.95) < 0.75
    assert abs(np.median(gap)) < 0.05


def test_rays_point_where_stardists_do():
    # StarDist: the angle grows from the second axis (x) towards the first (y)
    angles = 2 * np.pi * np.arange(RAYS[2]) / RAYS[2]
    np.testing.assert_allclose(directions(2), np.stack([np.sin(angles), np.cos(angles)], 1))


@pytest.mark.parametrize("overlap", [0.2, 0.4])
def test_the_same_stars_survive_and_cover_the_same_pixels(overlap):
    targets = star_targets(CELLS)
    probability, lengths = targets[0], targets[1:]
    rays = np.moveaxis(lengths, 0, -1)
    points, scores, distances = non_maximum_suppression(
        rays, probability, nms_thresh=overlap, prob_thresh=0.5
    )
    theirs = polygons_to_label(distances, points, CELLS.shape, prob=scores)
    everywhere = np.ones(CELLS.shape, bool)
    ours = draw_stars(probability, lengths, everywhere, threshold=0.5, overlap=overlap)
    assert len(points) == 5
    assert ours.max() == 5
    # ours lets each star grow to the outline of the foreground, here the whole image: compared
    # where a polygon lies
    ours = np.where(theirs > 0, ours, 0)
    assert matching(theirs, ours, thresh=0.9).tp == 5
    assert match(theirs, ours, threshold=0.9, convention="stardist").tp == 5
