"""The pictures: the right pixels in the right colours."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from made_results import flawed, squares
from PIL import Image

from septum.metrics.errors import object_errors
from septum.stages.report.colours import OBJECT_MARKS, PIXEL_MARKS, rgb
from septum.stages.report.overlays import (
    MAX_SIDE_PX,
    Frame,
    choose_frame,
    draw_errors,
    draw_labels,
    outlines,
    picture,
)


def decoded(uri: str) -> np.ndarray:
    head, data = uri.split(",")
    assert head == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def colour_share(canvas: np.ndarray, area: np.ndarray, colour: str) -> float:
    """Share of an area's pixels that are of a colour."""
    right = (canvas[..., :3] == rgb(colour)).all(axis=-1) & (canvas[..., 3] > 0)
    return right[area].mean()


@pytest.fixture
def drawn():
    true, pred = squares(), flawed(squares())
    frame = choose_frame(true)
    semantic = [(labels > 0).astype(np.uint16) for labels in (true, pred)]
    uri = draw_errors(
        (semantic[0], true), (semantic[1], pred), object_errors(true, pred), frame, {1: "#888888"}
    )
    return decoded(uri), frame.labels(true), frame.labels(pred)


def test_errors_have_their_colours(drawn):
    canvas, true, pred = drawn
    assert colour_share(canvas, pred == 1, OBJECT_MARKS["merged"].colour) > 0.85
    assert colour_share(canvas, pred == 2, OBJECT_MARKS["split"].colour) == 1.0
    assert colour_share(canvas, pred == 3, OBJECT_MARKS["split"].colour) == 1.0
    assert colour_share(canvas, pred == 4, OBJECT_MARKS["spurious"].colour) == 1.0
    assert colour_share(canvas, true == 4, OBJECT_MARKS["missed"].colour) == 1.0
    assert canvas[(true == 0) & (pred == 0), 3].max() == 0, "transparent elsewhere"


def test_a_missed_object_is_hatched(drawn):
    canvas, true, _ = drawn
    assert len(np.unique(canvas[true == 4, 3])) >= 3


def test_the_wall_that_a_merged_object_lacks_is_white(drawn):
    canvas, true, pred = drawn
    wall = outlines(true, 2) & np.isin(true, [1, 2]) & ~outlines(pred, 2)
    assert wall.any()
    assert (canvas[wall][:, :3] == 255).all()


def test_a_found_object_has_an_outline_only():
    true = squares()
    frame = choose_frame(true)
    semantic = (true > 0).astype(np.uint16)
    errors = object_errors(true, true)
    canvas = decoded(draw_errors((semantic, true), (semantic, true), errors, frame, {}))
    shown = frame.labels(true)
    edge = outlines(shown, frame.line)
    assert colour_share(canvas, edge, OBJECT_MARKS["matched"].colour) == 1.0
    assert canvas[~edge, 3].max() == 0


def test_wrong_pixels_of_classes():
    true, pred = np.zeros((2, 64, 64), np.uint16)
    true[:32, :32], true[:32, 32:] = 1, 2
    pred[:32, :32], pred[:32, 32:48], pred[40:56, 8:24] = 1, 1, 2
    frame = choose_frame(true)
    colours = {1: "#101010", 2: "#202020"}
    canvas = decoded(draw_errors((true, None), (pred, None), None, frame, colours))
    true, pred = frame.labels(true), frame.labels(pred)
    inner = ~outlines(pred, frame.line)
    confused = (true == 2) & (pred == 1) & inner
    assert colour_share(canvas, confused, PIXEL_MARKS["confused"].colour) == 1.0
    assert colour_share(canvas, (pred == 2) & inner, PIXEL_MARKS["spurious"].colour) == 1.0
    assert colour_share(canvas, (true == 2) & (pred == 0), PIXEL_MARKS["missed"].colour) == 1.0
    assert canvas[(true == 1) & (pred == 1) & inner, 3].max() == 0


COLOURS = {1: "#102030", 2: "#405060"}


def two_classes(labels):
    """Return the class map of squares of which 1 and 2 are of class 1, the others of class 2."""
    return np.select([labels > 2, labels > 0], [2, 1]).astype(np.uint16)


def test_of_several_classes_objects_have_the_colour_of_their_class_and_a_border():
    labels = squares()
    frame = choose_frame(labels)
    canvas = decoded(draw_labels(two_classes(labels), labels, frame, COLOURS))
    shown = frame.labels(labels)
    edge = outlines(shown, frame.line)
    for number in (1, 2, 3, 4):
        colour = COLOURS[1 if number < 3 else 2]
        assert colour_share(canvas, shown == number, colour) == 1.0
    assert (canvas[edge, 3] == 255).all(), "a border between objects of one class too"
    assert (canvas[(shown > 0) & ~edge, 3] < 255).all()


def test_of_several_classes_borders_have_the_colour_of_the_class_around_the_error():
    true, pred = squares(), flawed(squares())
    frame = choose_frame(true)
    classes = two_classes(true), np.where(pred == 4, 2, two_classes(true) * (pred > 0))
    errors = object_errors(true, pred)
    uri = draw_errors((classes[0], true), (classes[1], pred), errors, frame, COLOURS)
    canvas, true, pred = decoded(uri), frame.labels(true), frame.labels(pred)
    for labels, number, kind, class_id in [
        (pred, 1, "merged", 1),
        (pred, 2, "split", 2),
        (pred, 4, "spurious", 2),
        (true, 4, "missed", 2),
    ]:
        area, edge = labels == number, outlines(labels, frame.line)
        wall = (canvas[..., :3] == 255).all(axis=-1)
        assert colour_share(canvas, area & edge, COLOURS[class_id]) == 1.0
        assert colour_share(canvas, area & ~edge & ~wall, OBJECT_MARKS[kind].colour) == 1.0


def test_of_several_classes_a_found_object_has_the_line_of_its_class_alone():
    labels = squares()
    frame = choose_frame(labels)
    pair = two_classes(labels), labels
    canvas = decoded(draw_errors(pair, pair, object_errors(labels, labels), frame, COLOURS))
    shown = frame.labels(labels)
    edge = outlines(shown, frame.line)
    assert colour_share(canvas, edge & (shown == 1), COLOURS[1]) == 1.0
    assert colour_share(canvas, edge & (shown == 3), COLOURS[2]) == 1.0
    assert canvas[~edge, 3].max() == 0


def test_labels_have_a_colour_each():
    labels = squares()
    frame = choose_frame(labels)
    canvas = decoded(draw_labels(None, labels, frame, {}))
    shown = frame.labels(labels)
    colours = {tuple(canvas[shown == i][0, :3]) for i in (1, 2, 3, 4)}
    assert len(colours) == 4
    assert canvas[shown == 0, 3].max() == 0
    edge = outlines(shown, frame.line)
    assert (canvas[edge, 3] == 255).all()
    assert (canvas[(shown > 0) & ~edge, 3] < 255).all()


def test_touching_objects_keep_a_line_each():
    labels = np.zeros((12, 12), int)
    labels[2:10, 2:6], labels[2:10, 6:10] = 1, 2
    edge = outlines(labels, 1)
    assert edge[5].tolist() == [c in "x" for c in "..x..xx..x.."]


def test_small_images_are_enlarged_and_large_ones_reduced():
    assert Frame((), (100, 60)).shown == (300, 180)
    assert Frame((), (MAX_SIDE_PX, 20)).shown == (MAX_SIDE_PX, 20)
    assert Frame((), (2000, 1000)).shown == (MAX_SIDE_PX, MAX_SIDE_PX // 2)
    assert Frame((), (5000, 2)).shown == (MAX_SIDE_PX, 1)


def test_enlarging_keeps_every_pixel():
    labels = np.arange(12).reshape(3, 4)
    frame = Frame((), (3, 4))
    factor = MAX_SIDE_PX // 4
    expected = labels.repeat(factor, axis=0).repeat(factor, axis=1)
    np.testing.assert_array_equal(frame.labels(labels), expected)


def test_the_section_with_most_objects_is_shown():
    volume = np.zeros((4, 5, 10, 10), int)
    volume[1, 2, :, :] = 1
    volume[3, 0, 0, :3] = [1, 2, 3]
    assert choose_frame(volume).section == (3, 0)
    assert choose_frame(np.zeros((10, 10), int)).section == ()
    assert choose_frame(np.zeros((3, 10, 10), int)).section == (0,)


def test_gray_is_stretched_and_colours_are_kept():
    gray = np.linspace(100, 200, 64 * 64).reshape(1, 64, 64).astype(np.uint16)
    shown = decoded(picture(gray, Frame((), (64, 64))))
    assert shown.min() < 8
    assert shown.max() > 247
    flat = np.full((3, 32, 32), 90, np.uint8)
    flat[0] = 160
    shown = decoded(picture(flat, Frame((), (32, 32))))
    assert np.abs(shown.reshape(-1, 3).mean(axis=0) - [160, 90, 90]).max() < 4


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_any_number_of_channels_and_a_constant_one(channels):
    image = np.zeros((channels, 3, 16, 16), np.float32)
    image[-1, 1, :, 8:] = 7.0
    shown = decoded(picture(image, Frame((1,), (16, 16))))
    assert shown.shape == (16, 16, 3)


def test_a_large_image_stays_small():
    noise = np.random.default_rng(0).integers(0, 255, (1, 1500, 1500)).astype(np.uint8)
    uri = picture(noise, Frame((), (1500, 1500)))
    assert max(decoded(uri).shape) == MAX_SIDE_PX
    assert len(uri) < 120_000
