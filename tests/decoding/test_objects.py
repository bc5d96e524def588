"""Masks in the image: pasted, joined across tiles, and resolved where they overlap."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from septum.decoding.objects import Detection, Tile, agree, join, paste, resolve


def disc(shape, centre, radius):
    grid = np.indices(shape)
    return sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)) <= radius**2


def detection(mask, score=1.0, label=1):
    """Return the object that a whole image's mask shows."""
    places = np.argwhere(mask)
    low, high = places.min(axis=0), places.max(axis=0) + 1
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    return Detection(tuple(int(a) for a in low), mask[box].copy(), score, label)


def test_a_box_without_mask_holds_the_pixels_whose_centre_it_holds():
    boxes = np.array([[1.0, 2.0, 3.0, 5.0], [1.4, 1.6, 2.5, 2.6]])
    first, second = paste(boxes, np.ones(2), np.ones(2, int), None, (10, 20), (18, 28))
    assert first.start == (11, 22)
    assert first.mask.shape == (2, 3)
    assert second.start == (11, 22), "1.5 lies in 1.4 to 2.5, and 2.5 in 1.6 to 2.6"
    assert second.mask.shape == (1, 1)


def test_a_mask_is_interpolated_between_the_centres_of_its_bins():
    # bins of 4 pixels: centres at 2 and 6, half way at 4
    masks = np.array([[[1.0, 0.0], [1.0, 0.0]]])
    boxes = np.array([[0.0, 0.0, 8.0, 8.0]])
    (found,) = paste(boxes, np.ones(1), np.ones(1, int), masks, (0, 0), (16, 16))
    assert found.start == (0, 0)
    assert found.mask.shape == (8, 4)
    assert found.mask.all()


def test_a_pasted_disc_is_the_disc():
    true = disc((40, 40), (20, 18), 12)
    centres = [int(25 * (i + 0.5) / 28) for i in range(28)]
    masks = true[8:33, 6:31][np.ix_(centres, centres)][None].astype(float)
    boxes = np.array([[8.0, 6.0, 33.0, 31.0]])
    (found,) = paste(boxes, np.ones(1), np.ones(1, int), masks, (0, 0), (40, 40))
    image = np.zeros((40, 40), bool)
    image[tuple(slice(a, b) for a, b in zip(found.start, found.stop, strict=True))] = found.mask
    assert (image & true).sum() / (image | true).sum() > 0.95


def test_the_largest_piece_is_kept_and_its_hole_filled():
    mask = np.zeros((1, 9, 9))
    mask[0, :6, :6] = 1
    mask[0, 2:4, 2:4] = 0
    mask[0, 8, 8] = 1
    boxes = np.array([[0.0, 0.0, 9.0, 9.0]])
    found = paste(boxes, np.ones(1), np.ones(1, int), mask, (0, 0), (9, 9))
    assert found[0].mask.shape == (6, 6)
    instance, _, _ = resolve(found, (9, 9), threshold=0.5)
    expected = np.zeros((9, 9), np.uint32)
    expected[:6, :6] = 1
    np.testing.assert_array_equal(instance, expected)


def test_a_pixel_belongs_to_a_mask_above_its_threshold():
    masks = np.array([[[0.1, 0.35], [0.45, 0.9]]])
    given = np.array([[0.0, 0.0, 2.0, 2.0]]), np.ones(1), np.ones(1, int), masks, (0, 0), (2, 2)
    assert paste(*given, 0.3)[0].mask.tolist() == [[False, True], [True, True]]
    assert paste(*given, 0.4)[0].mask.tolist() == [[True, True]]
    assert paste(*given)[0].mask.tolist() == [[True]]


@pytest.mark.parametrize("sure", [0.5, 0.95])
def test_an_object_in_the_hole_of_another_keeps_its_place(sure):
    ring = np.ones((20, 20), bool)
    ring[6:14, 6:14] = False
    disc = np.zeros((20, 20), bool)
    disc[7:13, 7:13] = True
    found = [detection(ring, 0.9, label=1), detection(disc, sure, label=2)]
    instance, labels, _ = resolve(found, (20, 20), threshold=0.4)
    inner = labels.index(2) + 1
    np.testing.assert_array_equal(instance == inner, disc)
    # what is left of the hole lies in the ring
    np.testing.assert_array_equal(instance == 3 - inner, ~disc)


def test_what_lies_beyond_the_image_is_cut_off():
    boxes = np.array([[-4.0, 0.0, 3.0, 5.0], [9.0, 9.0, 14.0, 14.0]])
    found = paste(boxes, np.ones(2), np.ones(2, int), None, (0, 0), (8, 8))
    assert [(d.start, d.stop) for d in found] == [((0, 0), (3, 5))]


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
    assert sum(len(tile.found) for tile in tiles) > len(truth)
    joined = join(tiles, shape)
    assert len(joined) == len(truth)
    instance, labels, _ = resolve(joined, shape, threshold=0.5, min_size=0)
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
    (found,) = join(tiles, shape)
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
    found = join(tiles, shape)
    assert spans(found) == [(20, 37, 1, 0.99), (63, 80, 1, 0.98)]


def test_a_doubtful_mask_adds_nothing_to_a_sure_object():
    shape = (20, 100)
    bar, blob = box(shape, (5, 10), (5, 95)), box(shape, (5, 14), (0, 100))
    sure = [(bar, 0.99, 1)]
    (found,) = join(in_tiles(shape, sure, [*sure, (blob, 0.6, 1)], sure), shape)
    assert (found.start, found.stop) == ((5, 5), (10, 95))
    assert found.mask.all()


def test_a_sure_piece_lends_its_score_to_the_whole():
    shape = (20, 70)
    square = box(shape, (5, 15), (32, 50))
    (found,) = join(in_tiles(shape, [(square, 0.95, 1)], [(square, 0.6, 1)]), shape)
    assert spans([found]) == [(32, 50, 1, 0.95)]


def test_an_object_in_another_of_another_class_stays_one_of_its_own():
    shape = (20, 70)
    cell, nucleus = box(shape, (0, 20), (10, 37)), box(shape, (2, 19), (28, 37))
    tiles = in_tiles(
        shape, [(cell, 0.9, 1), (nucleus, 0.95, 2)], [(cell, 0.8, 1), (nucleus, 0.8, 2)]
    )
    assert spans(join(tiles, shape)) == [(10, 37, 1, 0.9), (28, 37, 2, 0.95)]


def test_tiles_that_differ_on_the_class_mean_one_object():
    shape = (20, 70)
    square = box(shape, (5, 15), (20, 37))
    (found,) = join(in_tiles(shape, [(square, 0.9, 1)], [(square, 0.8, 2)]), shape)
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
    found = sorted(join(tiles, shape), key=lambda one: one.start)
    assert [one.start for one in found] == [(2, 12), (2, 20)]
    assert [one.mask.shape for one in found] == [(6, 8), (6, 8)]


def test_a_pixel_belongs_to_the_object_of_the_higher_score():
    shape = (6, 12)
    one, other, hidden, faint = (np.zeros(shape, bool) for _ in range(4))
    one[:, :6] = True
    other[:, 4:10] = True
    hidden[:3, 1:6] = True  # all of it under the first
    faint[:, 10:] = True
    found = [
        detection(other, 0.7, 2),
        detection(one, 0.9),
        detection(hidden, 0.8),
        detection(faint, 0.2),
    ]
    instance, labels, scores = resolve(found, shape, threshold=0.5, min_size=0)
    assert labels == [1, 2]
    assert scores == [0.9, 0.7]
    expected = np.zeros(shape, np.uint32)
    expected[:, :6] = 1
    expected[:, 6:10] = 2
    np.testing.assert_array_equal(instance, expected)
    instance, labels, _ = resolve(found, shape, threshold=0.1, min_size=13)
    assert labels == [1, 2], "the faint object has 12 pixels"


def test_what_a_better_object_cuts_in_two_keeps_its_larger_piece():
    shape = (3, 20)
    bar, across = np.zeros(shape, bool), np.zeros(shape, bool)
    bar[1] = True
    across[:, 12:14] = True
    found = [detection(bar, 0.6), detection(across, 0.9)]
    instance, _, _ = resolve(found, shape, threshold=0.5, min_size=0)
    assert (instance[1, :12] == 2).all()
    assert (instance[1, 14:] == 0).all()


@pytest.mark.parametrize(
    ("side", "label", "kept"),
    [(4, 2, True), (4, 1, False), (8, 2, False)],
    ids=["a smaller one of another class", "one of its class", "one about as large"],
)
def test_what_lies_in_a_better_object(side, label, kept):
    cell, inner = np.zeros((14, 14), bool), np.zeros((14, 14), bool)
    cell[2:12, 2:12] = True
    inner[3 : 3 + side, 3 : 3 + side] = True
    found = [detection(cell, 0.9, 1), detection(inner, 0.6, label)]
    instance, labels, scores = resolve(found, (14, 14), threshold=0.5)
    assert labels == ([1, 2] if kept else [1])
    assert scores == ([0.9, 0.6] if kept else [0.9])
    np.testing.assert_array_equal(instance == 1, cell & ~inner if kept else cell)
    np.testing.assert_array_equal(instance == 2, inner if kept else False)


def test_a_cell_that_yields_keeps_its_largest_piece_and_goes_where_none_is_left():
    thin, round_, bar = (np.zeros((9, 20), bool) for _ in range(3))
    thin[4, :] = True
    bar[2:7, 12] = True
    round_[:2, :4] = True
    found = [detection(thin, 0.9, 1), detection(bar, 0.8, 2), detection(round_, 0.7, 1)]
    rows, columns = np.indices((9, 20))
    for k in range(4):  # what takes all of the round one
        quarter = round_ & (rows == k // 2) & (columns // 2 == k % 2)
        found.append(detection(quarter, 0.6, 3))
    instance, labels, _ = resolve(found, (9, 20), threshold=0.5)
    assert labels == [1, 2, 3, 3, 3, 3], "nothing is left of the round one"
    np.testing.assert_array_equal(instance == 1, thin & (np.arange(20) < 12))
    np.testing.assert_array_equal(instance == 2, bar)
    assert instance.max() == 6
    large, labels, _ = resolve(found, (9, 20), threshold=0.5, min_size=5)
    assert labels == [1, 2, 1], "what is too small to count takes nothing"
    np.testing.assert_array_equal(large == 3, round_)


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
    found = sorted(agree(models, shape), key=lambda one: -one.score)
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
    found = agree([[detection(one, 0.8)], [detection(other, 0.4)]], shape)
    assert sorted(one.score for one in found) == pytest.approx([0.2, 0.4])
    assert agree([[], []], shape) == []
