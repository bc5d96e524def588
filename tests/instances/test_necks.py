"""Objects are split where they have a neck."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label
from skimage.morphology import reconstruction

from septum.instances.necks import split_necks


def discs(shape, *centres_and_radii):
    grid = np.indices(shape)
    found = np.zeros(shape, bool)
    for centre, radius in centres_and_radii:
        offset = grid - np.reshape(centre, (-1, *[1] * len(shape)))
        found |= (offset**2).sum(0) <= radius**2
    return found


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize("shape", [(24, 40), (24, 24, 40)])
def test_necks_are_found_at_any_size(shape, scale):
    if len(shape) == 3 and scale > 1:
        shape, scale = (24, 24, 40), 2
    big = tuple(scale * n for n in shape)
    middle = [n * scale // 2 for n in shape[:-1]]
    apart = [((*middle, 10 * scale), 7 * scale), ((*middle, 24 * scale), 7 * scale)]
    close = [((*middle, 12 * scale), 7 * scale), ((*middle, 19 * scale), 7 * scale)]
    eight, egg = discs(big, *apart), discs(big, *close)
    assert label(eight).max() == 1
    parts = split_necks(eight.astype(int))
    assert parts.max() == 2
    cut = 17 * scale
    assert len(np.unique(parts[..., : cut - 2 * scale])) == 2  # background and one part
    assert len(np.unique(parts[..., cut + 2 * scale :])) == 2
    assert split_necks(egg.astype(int)).max() == 1


def test_a_long_thin_object_has_no_neck():
    bar = np.zeros((9, 60), int)
    bar[3:6, 2:58] = 1
    assert split_necks(bar).max() == 1


@settings(max_examples=30, deadline=None)
# ratios that no two widths on the grid have: a tie is either way right
@given(
    seed=st.integers(0, 10_000),
    ratio=st.sampled_from([0.2113, 0.3331, 0.4721, 0.5477, 0.6391, 0.7129, 0.8543]),
    ndim=st.integers(1, 3),
)
def test_necks_are_the_h_maxima_of_the_log_width(seed, ratio, ndim):
    from scipy import ndimage

    random = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(random.normal(size=[(40, 28, 14)[ndim - 1]] * ndim), 1.5)
    objects, count = ndimage.label(smooth > 0)
    parts = split_necks(objects, ratio=ratio)
    assert (parts > 0).tolist() == (objects > 0).tolist()
    owners = [np.unique(objects[parts == part]) for part in range(1, parts.max() + 1)]
    assert all(len(owner) == 1 for owner in owners)
    assert len(np.unique(np.concatenate(owners))) == count if count else not owners
    # scikit-image, one object at a time
    width = ndimage.distance_transform_edt(np.pad(objects, 1))[(slice(1, -1),) * ndim] - 0.5
    expected = 0
    full = np.ones([3] * ndim)
    for number in range(1, count + 1):
        height = np.where(objects == number, np.log(np.maximum(width, 0.1)), -9.0)
        lowered = reconstruction(height + np.log(ratio), height, footprint=full)
        peaks = lowered - reconstruction(lowered - 1e-6, lowered, footprint=full) > 5e-7
        expected += label(peaks & (objects == number)).max()
    assert parts.max() == expected


def test_an_eight_by_hand():
    # two squares of three pixels a side, and a neck that is one pixel wide
    eight = np.ones((3, 8), int)
    eight[[0, 2], 3:5] = 0
    parts = np.array([[1, 1, 1, 0, 0, 2, 2, 2], [1, 1, 1, 1, 2, 2, 2, 2], [1, 1, 1, 0, 0, 2, 2, 2]])
    assert split_necks(eight).tolist() == parts.tolist()
    # half a pixel from the neck's middle to its outline, one and a half in the squares: a third
    assert split_necks(eight, ratio=0.3).tolist() == eight.tolist()
    assert split_necks(eight, ratio=0.4).max() == 2


def test_no_object_at_all():
    assert split_necks(np.zeros((5, 5), int)).max() == 0
