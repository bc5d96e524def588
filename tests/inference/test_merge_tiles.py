"""One list of objects from several: of tiles, and of models."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from septum.decoding.objects import Detection, to_label_map
from septum.inference.merge_tiles import Tile, ensemble_detections, merge_tiles


def disc(shape, centre, radius):
    grid = np.indices(shape)
    return sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)) <= radius**2


def detection(mask, score=1.0, label=1):
    """Return the object that a whole image's mask shows."""
    places = np.argwhere(mask)
    low, high = places.min(axis=0), places.max(axis=0) + 1
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    return Detection(tuple(int(a) for a in low), mask[box].copy(), score, label)


@pytest.mark.parametrize("axes", [2, 3])
def test_objects_on_every_seam_and_corner_are_found_once(axes):
    """Tiles of 32 every 24: discs on seams, on corners, on the image's border, and one huge."""
    shape = (80,) * axes
    starts = (0, 24, 48)
    places = [0, 12, 28, 40, 52, 68, 79]
    truth = [disc(shape, centre, 4) for centre in itertools.product(places, repeat=axes)]
    if axes == 3:  # an eighth of them is enough
        truth = truth[::5]
    tiles = []
    for start in itertools.product(starts, repeat=axes):
        stop = tuple(a + 32 for a in start)
        window = np.zeros(shape, bool)
        window[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = True
        found = [detection(mask & window) for mask in truth if (mask & window).any()]
        tiles.append(Tile(start, stop, found))
    assert sum(len(tile.detections) for tile in tiles) > len(truth)
    joined = merge_tiles(tiles, shape)
    assert len(joined) == len(truth)
    instance, labels, _ = to_label_map(joined, shape, threshold=0.5, min_size=0)
    assert len(labels) == len(truth)
    for mask in truth:
        (number,) = np.unique(instance[mask])
        assert ((instance == number) == mask).all()


# a network's box ends a little before the tile does, or exactly there
@pytest.mark.parametrize("short", [0, 1, 2])
def test_an_object_larger_than_a_tile_is_put_together(short):
    shape = (20, 90)
    long = np.zeros(shape, bool)
    long[8:12, 3:87] = True
    tiles = []
    for start in (0, 20, 40, 60):
        seen = np.zeros(shape, bool)
        begin = start + short if start else 0
        seen[:, begin : 90 if start == 60 else start + 30 - short] = True
        piece = detection(long & seen, score=0.5 + start / 200)
        tiles.append(Tile((0, start), (20, start + 30), [piece]))
    (found,) = merge_tiles(tiles, shape)
    assert found.start == (8, 3)
    assert found.mask.shape == (4, 84)
    assert found.mask.all()
    assert found.score == pytest.approx(0.8)


def box(shape, rows, columns):
    mask = np.zeros(shape, bool)
    mask[slice(*rows), slice(*columns)] = True
    return mask


def in_tiles(shape, *found):
    """Return tiles of 40 columns, 30 apart; ``found``: what each shows, as whole masks."""
    tiles = []
    for start, objects in zip((0, 30, 60), found, strict=False):
        seen = box(shape, (0, shape[0]), (start, start + 40))
        pieces = [detection(mask & seen, score, label) for mask, score, label in objects]
        tiles.append(Tile((0, start), (shape[0], min(start + 40, shape[1])), pieces))
    return tiles


def spans(found):
    """Return first and last column, class and score of objects, from left to right."""
    return sorted((one.start[1], one.stop[1], one.label, one.score) for one in found)


@pytest.mark.parametrize("faint", [0.06, 0.4])
def test_a_doubtful_detection_makes_one_of_no_two_objects(faint):
    shape = (20, 100)
    one, other = box(shape, (5, 15), (20, 37)), box(shape, (5, 15), (63, 80))
    both = box(shape, (5, 15), (30, 70))
    tiles = in_tiles(
        *(shape, [(one, 0.99, 1)], [(one, 0.9, 1), (other, 0.9, 1), (both, faint, 1)]),
        [(other, 0.98, 1)],
    )
    found = merge_tiles(tiles, shape)
    assert spans(found) == [(20, 37, 1, 0.99), (63, 80, 1, 0.98)]


def test_a_doubtful_mask_adds_nothing_to_a_sure_object():
    shape = (20, 100)
    bar, blob = box(shape, (5, 10), (5, 95)), box(shape, (5, 14), (0, 100))
    sure = [(bar, 0.99, 1)]
    (found,) = merge_tiles(in_tiles(shape, sure, [*sure, (blob, 0.6, 1)], sure), shape)
    assert (found.start, found.stop) == ((5, 5), (10, 95))
    assert found.mask.all()


def test_a_sure_piece_lends_its_score_to_the_whole():
    shape = (20, 70)
    square = box(shape, (5, 15), (32, 50))
    (found,) = merge_tiles(in_tiles(shape, [(square, 0.95, 1)], [(square, 0.6, 1)]), shape)
    assert spans([found]) == [(32, 50, 1, 0.95)]


def test_an_object_in_another_of_another_class_stays_one_of_its_own():
    shape = (20, 70)
    cell, nucleus = box(shape, (0, 20), (10, 37)), box(shape, (2, 19), (28, 37))
    tiles = in_tiles(
        shape, [(cell, 0.9, 1), (nucleus, 0.95, 2)], [(cell, 0.8, 1), (nucleus, 0.8, 2)]
    )
    assert spans(merge_tiles(tiles, shape)) == [(10, 37, 1, 0.9), (28, 37, 2, 0.95)]


def test_tiles_that_differ_on_the_class_mean_one_object():
    shape = (20, 70)
    square = box(shape, (5, 15), (20, 37))
    (found,) = merge_tiles(in_tiles(shape, [(square, 0.9, 1)], [(square, 0.8, 2)]), shape)
    assert spans([found]) == [(20, 37, 1, 0.9)]


def test_touching_objects_of_two_tiles_stay_two():
    shape = (10, 40)
    left, right = np.zeros(shape, bool), np.zeros(shape, bool)
    left[2:8, 12:20] = True
    right[2:8, 20:28] = True
    tiles = [
        Tile((0, 0), (10, 25), [detection(left), detection(right & (np.arange(40) < 25))]),
        Tile((0, 15), (10, 40), [detection(left & (np.arange(40) >= 15)), detection(right)]),
    ]
    found = sorted(merge_tiles(tiles, shape), key=lambda one: one.start)
    assert [one.start for one in found] == [(2, 12), (2, 20)]
    assert [one.mask.shape for one in found] == [(6, 8), (6, 8)]


def test_what_several_models_find_is_one_object_with_the_mean_score():
    shape = (20, 24)
    square = np.zeros(shape, bool)
    square[4:12, 4:12] = True
    wider, other = square.copy(), np.zeros(shape, bool)
    wider[4:12, 12] = True
    other[14:18, 16:22] = True
    models = [
        [detection(square, 0.9), detection(other, 0.6)],
        [detection(wider, 0.6), detection(square, 0.3)],  # the lesser answer counts for nothing
        [detection(square, 0.6, label=2)],
    ]
    found = sorted(ensemble_detections(models, shape), key=lambda one: -one.score)
    assert [one.score for one in found] == pytest.approx([0.7, 0.2])
    assert [one.label for one in found] == [1, 1], "1.5 of 2.1 say so"
    assert found[0].start == (4, 4)
    assert found[0].mask.shape == (8, 8), "of 2.1 only 0.6 say that it is wider"
    assert found[0].mask.all()
    assert (found[1].start, found[1].mask.shape) == ((14, 16), (4, 6))


def test_models_that_disagree_find_two_objects():
    shape = (20, 24)
    one, other = np.zeros(shape, bool), np.zeros(shape, bool)
    one[4:12, 4:12] = True
    other[4:12, 8:16] = True  # IoU 1/3
    found = ensemble_detections([[detection(one, 0.8)], [detection(other, 0.4)]], shape)
    assert sorted(one.score for one in found) == pytest.approx([0.2, 0.4])
    assert ensemble_detections([[], []], shape) == []


def test_thousands_of_objects_of_four_tiles_are_joined_as_by_the_dense_comparison():
    """Discs of 5 pixels every 6 in 360², in tiles of 200 every 160."""
    disc = np.hypot(*(np.indices((5, 5)) - 2)) <= 2.3
    places = [(6 * y, 6 * x) for y, x in itertools.product(range(60), repeat=2)]
    tiles = []
    for corner in itertools.product((0, 160), repeat=2):
        end = tuple(a + 200 for a in corner)
        found = []
        for n, place in enumerate(places):
            part = tuple(
                slice(max(c - p, 0), min(e - p, 5)) if p < e and p + 5 > c else slice(0)
                for p, c, e in zip(place, corner, end, strict=True)
            )
            if disc[part].any():
                start = tuple(max(p, c) for p, c in zip(place, corner, strict=True))
                found.append(Detection(start, disc[part], 1 - n / 10000, 1))
        tiles.append(Tile(corner, end, found))
    assert max(len(tile.detections) for tile in tiles) > 1000
    joined = {(one.start, one.mask.shape, one.score) for one in merge_tiles(tiles, (360, 360))}
    assert joined == {(place, (5, 5), 1 - n / 10000) for n, place in enumerate(places)}
