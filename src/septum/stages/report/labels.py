"""Placement of the labels of marks in a chart, so that they cover neither marks nor each other."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

LINE_HEIGHT = 15.0
SMALL_LETTER_WIDTH, CAPITAL_WIDTH, FULL_WIDTH = 7.0, 8.7, 12.5
"""Widths of letters in a font of 12 px, estimated generously; the last is of Chinese characters."""
LABEL_OFFSET = 9.0
"""Distance from the centre of a mark to its label."""
MIN_LEADER_LENGTH = 16.0
"""Distance between a mark and its label from which on a line connects them."""


class Box(NamedTuple):
    """A rectangle in units of the drawing, where y increases downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: Box) -> float:
        """Return the area of the intersection with another box."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(across, 0.0) * max(down, 0.0)

    def inside(self, other: Box) -> bool:
        """Return whether another box contains this one."""
        return (
            self.left >= other.left
            and self.top >= other.top
            and self.right <= other.right
            and self.bottom <= other.bottom
        )


def place_labels(
    points: Sequence[tuple[float, float]], texts: Sequence[str], frame: Box, radius: float = 7.0
) -> list[Box]:
    """Return the boxes of labels, each as close to its point as possible.

    Labels of points with many neighbours are placed first. If there is no free place, a label is
    placed where it covers the smallest area of labels and marks, and then where the line to it
    crosses the fewest marks.

    Parameters
    ----------
    points : sequence of (x, y)
        Positions of the marks.
    texts : sequence of str
        Labels of the marks.
    frame : Box
        Area in which labels lie.
    radius : float
        Radius of the marks.
    """
    marks = [Box(x - radius, y - radius, x + radius, y + radius) for x, y in points]
    placed: dict[int, Box] = {}
    for i in sorted(range(len(points)), key=lambda i: (-_neighbours(i, points), i)):
        occupied = [*placed.values(), *marks]
        other_points = [point for point in points if point != points[i]]
        boxes = list(_places(points[i], text_width(texts[i])))
        best, least_cost = boxes[0], (math.inf, 0)
        for box in boxes:
            if not box.inside(frame):
                continue
            covered = sum(box.overlap(occupied_box) for occupied_box in occupied)
            crossed = sum(_crosses(points[i], box, point, radius) for point in other_points)
            if (covered, crossed) < least_cost:
                best, least_cost = box, (covered, crossed)
            if least_cost == (0, 0):
                break
        placed[i] = best
    return [placed[i] for i in range(len(points))]


def leader(point: tuple[float, float], box: Box) -> tuple[float, float] | None:
    """Return the end of the line from a mark to its label; None if the label is beside the mark."""
    x = min(max(point[0], box.left), box.right)
    y = min(max(point[1], box.top + 2), box.bottom - 2)
    return (x, y) if math.dist(point, (x, y)) >= MIN_LEADER_LENGTH else None


def text_width(text: str) -> float:
    """Return the approximate width of a text in a font of 12 px, whichever font is used."""
    return sum(map(_letter_width, text))


def _letter_width(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF":
        return FULL_WIDTH
    return CAPITAL_WIDTH if letter.isupper() or letter in "mw" else SMALL_LETTER_WIDTH


def _crosses(
    point: tuple[float, float], box: Box, other_point: tuple[float, float], radius: float
) -> bool:
    """Return whether the line from a point to its label crosses the mark of another point."""
    end = leader(point, box)
    if end is None:
        return False
    along = (end[0] - point[0], end[1] - point[1])
    to = (other_point[0] - point[0], other_point[1] - point[1])
    share = (along[0] * to[0] + along[1] * to[1]) / (along[0] ** 2 + along[1] ** 2)
    share = min(max(share, 0.0), 1.0)
    nearest = (point[0] + share * along[0], point[1] + share * along[1])
    return math.dist(other_point, nearest) < radius


def _neighbours(i: int, points: Sequence[tuple[float, float]]) -> int:
    x, y = points[i]
    return sum(abs(x - u) < 100 and abs(y - v) < 2 * LINE_HEIGHT for u, v in points) - 1


def _places(point: tuple[float, float], width: float) -> Iterator[Box]:
    """Yield boxes beside a point, then above and below at increasing distance."""
    x, y = point
    for step in range(40):
        for down in (0.0,) if step == 0 else (-step * LINE_HEIGHT / 2, step * LINE_HEIGHT / 2):
            top = y + down - LINE_HEIGHT / 2
            # beside the mark, or centred above or below it if it does not cover the mark
            starts = [x + LABEL_OFFSET, x - LABEL_OFFSET - width]
            if abs(down) >= LABEL_OFFSET + LINE_HEIGHT / 2:
                starts.insert(0, x - width / 2)
            for left in starts:
                yield Box(left, top, left + width, top + LINE_HEIGHT)
