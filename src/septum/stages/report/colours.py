"""Colours of the report, which can be distinguished with any colour vision.

No information is given by colour alone. Colours of errors are those of Okabe and Ito, "Color
Universal Design" (2008), brightened for dark images; each also has a separate filling. Networks
have the colours of Tol's "bright" scheme (2021); each line also has a dash pattern. Classes have
the colours of Tol's "muted" scheme, without those of errors; each class is also named.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

from septum.data.plan import Plan


@dataclass(frozen=True)
class Mark:
    """The drawing style of a kind of objects or pixels.

    Parameters
    ----------
    colour : str
        Colour as ``#rrggbb``.
    filling : {"none", "solid", "hatched", "dotted"}
    meaning : str
        Text of the legend.
    """

    colour: str
    filling: str
    meaning: str


OBJECT_MARKS = {
    "matched": Mark("#1fd1a5", "none", "found (IoU above 0.5)"),
    "missed": Mark("#ff7a1a", "hatched", "missed: true object, not found"),
    "spurious": Mark("#4db8f0", "solid", "spurious: predicted, not there"),
    "merged": Mark("#e07bc0", "solid", "merged: several true objects in one"),
    "split": Mark("#f5e642", "solid", "split: one true object in several"),
}
PIXEL_MARKS = {
    "missed": Mark("#ff7a1a", "hatched", "missed pixels"),
    "spurious": Mark("#4db8f0", "solid", "spurious pixels"),
    "confused": Mark("#b18cff", "dotted", "pixels of another class"),
}

NETWORK_COLOURS = ("#4477aa", "#ee6677", "#228833", "#aa3377", "#b8a02a", "#2f9fc4", "#777777")
DASH_PATTERNS = ("", "6 3", "2 3", "8 3 2 3", "12 4", "4 2 1 2", "1 2")

# without cyan and sand, which resemble the blue and yellow of errors
_CLASS_COLOURS = (
    "#44aa99",
    "#332288",
    "#999933",
    "#cc6677",
    "#117733",
    "#882255",
    "#aa4499",
    "#dddddd",
)
_GOLDEN_RATIO = 0.6180339887498949


def network_style(index: int) -> tuple[str, str]:
    """Return colour and dash pattern of a network's line."""
    return NETWORK_COLOURS[index % len(NETWORK_COLOURS)], DASH_PATTERNS[index % len(DASH_PATTERNS)]


def class_colours(plan: Plan) -> dict[int, str]:
    """Return the colour of each class: the declared one, or one of the scheme."""
    return {
        number: spec.colour or _CLASS_COLOURS[i % len(_CLASS_COLOURS)]
        for i, (number, spec) in enumerate(sorted(plan.classes.items()))
    }


def object_colour(number: int) -> tuple[int, int, int]:
    """Return the colour of an object, which differs from those of similar numbers."""
    red, green, blue = colorsys.hls_to_rgb((number * _GOLDEN_RATIO) % 1, 0.62, 0.85)
    return round(255 * red), round(255 * green), round(255 * blue)


def rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue of ``#rrggbb``."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
