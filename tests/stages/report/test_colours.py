"""Colours that are told apart, and never by colour alone."""

from __future__ import annotations

from made_results import make_plan

from septum.config.schema import ClassSpec
from septum.stages.report.colours import (
    NETWORK_COLOURS,
    OBJECT_MARKS,
    PIXEL_MARKS,
    class_colours,
    network_style,
    object_colour,
    rgb,
)


def test_rgb_of_a_colour():
    assert rgb("#ff7a1a") == (255, 122, 26)


def test_lines_have_a_dash_beside_their_colour():
    assert network_style(0) == ("#4477aa", "")
    assert network_style(1) == ("#ee6677", "6 3")
    # there are seven of each: the eighth is as the first
    assert len(NETWORK_COLOURS) == 7
    assert network_style(7) == network_style(0)


def test_errors_differ_by_colour_and_by_filling():
    wrong = [mark for kind, mark in OBJECT_MARKS.items() if kind != "matched"]
    assert len({mark.colour for mark in wrong}) == 4
    assert OBJECT_MARKS["missed"].filling == PIXEL_MARKS["missed"].filling == "hatched"
    assert len({mark.filling for mark in PIXEL_MARKS.values()}) == 3


def test_a_class_has_the_colour_that_was_declared():
    classes = {
        1: ClassSpec(name="a"),
        3: ClassSpec(name="b", colour="#123456"),
        2: ClassSpec(name="c"),
    }
    colours = class_colours(make_plan("cells", 2, "instance", classes, {}))
    assert colours == {1: "#44aa99", 2: "#332288", 3: "#123456"}


def test_neighbours_by_number_are_unlike():
    # the hue goes on by the golden ratio, 0.618 of the circle; all are light
    assert object_colour(0) == (240, 76, 76)
    for number in range(20):
        first, second = object_colour(number), object_colour(number + 1)
        assert sum(abs(a - b) for a, b in zip(first, second, strict=True)) > 100
