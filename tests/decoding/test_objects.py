"""Masks in the image: pasted, joined across tiles, and resolved where they overlap."""

from __future__ import annotations

import numpy as np
import pytest

from septum.decoding.objects import Detection, paste, to_label_map


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
    instance, _, _ = to_label_map(found, (9, 9), threshold=0.5)
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
    instance, labels, _ = to_label_map(found, (20, 20), threshold=0.4)
    inner = labels.index(2) + 1
    np.testing.assert_array_equal(instance == inner, disc)
    # what is left of the hole lies in the ring
    np.testing.assert_array_equal(instance == 3 - inner, ~disc)


def test_what_lies_beyond_the_image_is_cut_off():
    boxes = np.array([[-4.0, 0.0, 3.0, 5.0], [9.0, 9.0, 14.0, 14.0]])
    found = paste(boxes, np.ones(2), np.ones(2, int), None, (0, 0), (8, 8))
    assert [(d.start, d.stop) for d in found] == [((0, 0), (3, 5))]


# a network's box ends a little before the tile does, or exactly there


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
    instance, labels, scores = to_label_map(found, shape, threshold=0.5, min_size=0)
    assert labels == [1, 2]
    assert scores == [0.9, 0.7]
    expected = np.zeros(shape, np.uint32)
    expected[:, :6] = 1
    expected[:, 6:10] = 2
    np.testing.assert_array_equal(instance, expected)
    instance, labels, _ = to_label_map(found, shape, threshold=0.1, min_size=13)
    assert labels == [1, 2], "the faint object has 12 pixels"


def test_what_a_better_object_cuts_in_two_keeps_its_larger_piece():
    shape = (3, 20)
    bar, across = np.zeros(shape, bool), np.zeros(shape, bool)
    bar[1] = True
    across[:, 12:14] = True
    found = [detection(bar, 0.6), detection(across, 0.9)]
    instance, _, _ = to_label_map(found, shape, threshold=0.5, min_size=0)
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
    instance, labels, scores = to_label_map(found, (14, 14), threshold=0.5)
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
    instance, labels, _ = to_label_map(found, (9, 20), threshold=0.5)
    assert labels == [1, 2, 3, 3, 3, 3], "nothing is left of the round one"
    np.testing.assert_array_equal(instance == 1, thin & (np.arange(20) < 12))
    np.testing.assert_array_equal(instance == 2, bar)
    assert instance.max() == 6
    large, labels, _ = to_label_map(found, (9, 20), threshold=0.5, min_size=5)
    assert labels == [1, 2, 1], "what is too small to count takes nothing"
    np.testing.assert_array_equal(large == 3, round_)
