"""How touching objects are parted: watershed, normalised cut, mean shift."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from septum.classical import normalized_cut
from septum.classical.mean_shift import MeanShift, modes
from septum.classical.normalized_cut import NormalizedCut
from septum.classical.watershed import Watershed, split_at_necks

SQUARE = np.ones(2)


def discs(*centres, radius=10, shape=(40, 60)):
    y, x = np.indices(shape)
    inside = [(y - r) ** 2 + (x - c) ** 2 <= radius**2 for r, c in centres]
    return np.any(inside, axis=0)


def test_touching_discs_are_two_objects():
    mask = discs((20, 20), (20, 38))
    found = split_at_necks(mask, 1.0, SQUARE)
    assert found.max() == 2
    assert (found[20, 20], found[20, 38]) == (1, 2)
    # the line between them lies half way
    assert abs(int((found == 1).sum()) - int((found == 2).sum())) <= 21
    assert (found[:, :29][mask[:, :29]] == 1).all()
    assert (found[:, 30:][mask[:, 30:]] == 2).all()


def test_the_height_of_a_peak_decides():
    mask = discs((20, 20), (20, 38))
    # half the neck's chord is √(10² − 9²) = 4.4, the radius 10: peaks rise 5.7 to 6.2
    assert split_at_necks(mask, 5.0, SQUARE).max() == 2
    assert split_at_necks(mask, 6.5, SQUARE).max() == 1
    assert split_at_necks(mask, 0.0, SQUARE).max() == 1


def test_equal_peaks_with_a_shallow_saddle_stay_together():
    mask = np.zeros((20, 40), bool)
    mask[5:14, 4:36] = True
    mask[5, 20] = mask[13, 20] = False  # the distance dips by less than 1, from 5 to 4.1
    assert ndimage.distance_transform_edt(mask)[9, 20] == 4
    assert split_at_necks(mask, 1.5, SQUARE).max() == 1
    assert split_at_necks(mask, 0.5, SQUARE).max() > 1


def test_a_piece_lower_than_h_stays_an_object():
    mask = discs((20, 20))
    mask[2:4, 50:55] = True  # no higher than 1
    mask[30:36, 40:46] = True
    mask[36, 46] = mask[37, 47] = True  # they touch by corners: two pieces more
    for h in (1.0, 2.0):
        found = split_at_necks(mask, h, SQUARE)
        assert found.max() == 5
        np.testing.assert_array_equal(found > 0, mask)


def test_distances_are_those_of_the_spacing():
    # discs squeezed along the first axis to a third of their rows
    mask = discs((30, 20), (30, 38), shape=(60, 60))[::3]
    assert split_at_necks(mask, 4.0, np.array([3.0, 1.0])).max() == 2
    assert split_at_necks(mask, 4.0, SQUARE).max() == 1


def test_watershed_of_an_image():
    image = np.where(discs((20, 20), (20, 38)), 1000, 100)[None].astype(np.uint16)
    assert Watershed(h=1).segment(image, spacing=(1, 1)).max() == 2
    assert Watershed(h=0).segment(image, spacing=(1, 1)).max() == 1


def two_regions():
    """Two flat squares side by side, of different brightness, on darkness."""
    grey = np.zeros((24, 40))
    grey[4:20, 4:20] = 80
    grey[4:20, 20:36] = 120
    return grey


def test_normalised_cut_separates_two_flat_regions():
    method = NormalizedCut(sigma=0, level=0.3, contrast=0.1, superpixel=4, cut=0.1)
    found = method.segment(two_regions()[None], spacing=(1, 1))
    assert found.max() == 2
    assert (found[4:20, 4:20] == 1).all()
    assert (found[4:20, 20:36] == 2).all()
    # with likeness at that contrast, and where nothing is to be cut, they are one
    for change in ({"contrast": 10.0, "cut": 0.02}, {"cut": 0.0}):
        alike = method.model_copy(update=change)
        assert alike.segment(two_regions()[None], spacing=(1, 1)).max() == 1


def test_normalised_cut_parts_touching_discs():
    image = np.where(discs((20, 20), (20, 38)), 100.0, 0.0)[None]
    found = NormalizedCut(cut=0.1).segment(image, spacing=(1, 1))
    assert found.max() == 2
    assert found[20, 20] != found[20, 38]


def test_the_graph_of_superpixels():
    superpixels = np.array([[1, 1, 2, 2], [1, 1, 2, 2], [0, 3, 3, 2], [0, 3, 3, 2]])
    grey = np.array([0.0, 0.5, 1.0, 0.8])[superpixels]
    graph = NormalizedCut(contrast=0.5)._graph(grey, superpixels, SQUARE)
    assert sorted(graph.nodes) == [1, 2, 3]
    # 14 pixels, three superpixels: an edge of √(14/3); 1|2 share 2 faces, 2|3 three, 1|3 one
    edge = np.sqrt(14 / 3)
    expected = {
        (1, 2): 2 / edge * np.exp(-(0.5**2) / (2 * 0.5**2)),
        (2, 3): 1.0 * np.exp(-(0.2**2) / (2 * 0.5**2)),  # 3 / edge is more than a whole face
        (1, 3): 1 / edge * np.exp(-(0.3**2) / (2 * 0.5**2)),
    }
    assert {tuple(sorted(e)): w for *e, w in graph.edges(data="weight")} == pytest.approx(expected)


def test_the_number_of_superpixels_is_bounded(monkeypatch):
    asked = []

    def slic(grey, nodes, *args, **kwargs):
        asked.append(nodes)
        return real(grey, nodes, *args, **kwargs)

    real = normalized_cut.slic
    monkeypatch.setattr(normalized_cut, "slic", slic)
    monkeypatch.setattr(normalized_cut, "MAX_NODES", 20)
    image = np.where(discs((20, 30)), 100.0, 0.0)[None]
    NormalizedCut(superpixel=1).segment(image, spacing=(1, 1))
    NormalizedCut(superpixel=10, sigma=0).segment(image, spacing=(1, 1))
    assert asked == [20, 3]  # 317 pixels: 20 instead of 317, and round(3.17)


def reference_mode(grey, steps, start, radius, contrast):
    """Shift one pixel with a flat kernel, over all pixels."""
    places = np.stack([g.ravel() for g in np.indices(grey.shape)], 1) * steps
    values = grey.ravel()
    here, value = np.multiply(start, steps).astype(float), grey[start]
    for _ in range(100):
        near = (((places - here) ** 2).sum(1) <= radius**2) & (abs(values - value) <= contrast)
        target, mean = places[near].mean(0), values[near].mean()
        moved = ((target - here) ** 2).sum()
        changed = abs(mean - value)
        here, value = target, mean
        if moved < 0.01**2 and changed < 0.01 * contrast:
            break
    return here, value


@pytest.mark.parametrize(
    ("shape", "steps"), [((9, 12), (1.0, 1.0)), ((7, 12), (2.0, 1.0)), ((4, 6, 7), (1.5, 1.0, 1.0))]
)
def test_modes_equal_the_shift_over_all_pixels(shape, steps):
    grey = np.random.default_rng(0).random(shape)
    positions, values = modes(grey, np.array(steps), radius=2.4, contrast=0.3)
    for start in np.ndindex(shape):
        here, value = reference_mode(grey, np.array(steps), start, 2.4, 0.3)
        np.testing.assert_allclose(positions[(slice(None), *start)], here, atol=1e-9)
        assert values[start] == pytest.approx(value)


def test_mean_shift_finds_two_modes():
    mask = discs((20, 20), (20, 38))
    positions, values = modes(mask.astype(float), SQUARE, radius=12, contrast=0.5)
    np.testing.assert_array_equal(values, mask)
    left, right = mask & (np.indices(mask.shape)[1] < 27), mask & (np.indices(mask.shape)[1] > 31)
    for side, centre in ((left, (20, 20)), (right, (20, 38))):
        away = np.linalg.norm(positions[:, side] - np.reshape(centre, (2, 1)), axis=0)
        assert away.max() < 2.5
    found = MeanShift(radius=12, sigma=0, min_size=30).segment(mask[None] * 1.0, spacing=(1, 1))
    assert found.max() == 2
    assert found[20, 20] != found[20, 38]
    # a small kernel stays where it is in a flat object
    assert MeanShift(radius=4, min_size=30).segment(mask[None] * 1.0, spacing=(1, 1)).max() == 1


def test_mean_shift_keeps_grey_values_apart():
    method = MeanShift(radius=4, sigma=0, level=0.3, contrast=0.2)
    found = method.segment(two_regions()[None], spacing=(1, 1))
    assert found.max() == 2
    assert (found[4:20, 4:20] == 1).all()
    assert (found[4:20, 20:36] == 2).all()


def test_mean_shift_does_not_join_objects_by_way_of_the_background():
    mask = discs((12, 12), (12, 40), radius=8)
    # so wide a kernel in grey value that objects and background are near to each other
    found = MeanShift(radius=2, contrast=3, sigma=0).segment(mask[None] * 1.0, spacing=(1, 1))
    assert found.max() == 2
