"""Where the names of marks go in a picture, so that none covers another or a mark."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

LINE_HEIGHT = 15.0
SMALL_LETTER_WIDTH, CAPITAL_WIDTH, FULL_WIDTH = 7.0, 8.7, 12.5
"""Of letters of 12 px, on the wide side; full width is that of Chinese characters."""
LABEL_OFFSET = 9.0
"""From the middle of a mark to its name."""
MIN_LEADER_LENGTH = 16.0
"""From where on a line leads from a mark to its name."""


class Box(NamedTuple):
    """A rectangle, in units of the drawing; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: Box) -> float:
        """Return the area that both cover."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(across, 0.0) * max(down, 0.0)

    def inside(self, other: Box) -> bool:
        """Say whether the other one holds all of it."""
        return (
            self.left >= other.left
            and self.top >= other.top
            and self.right <= other.right
            and self.bottom <= other.bottom
        )


def place_labels(
    points: Sequence[tuple[float, float]], texts: Sequence[str], frame: Box, radius: float = 7.0
) -> list[Box]:
    """Return a box for each text, as near to its point as the others leave room.

    Points that have most neighbours choose first. Where a crowd leaves no room at all, the
    text goes where it covers least; the line to it may cross a mark where none need be covered.

    Parameters
    ----------
    points : sequence of (x, y)
    texts : sequence of str
    frame : Box
        No text leaves it.
    radius : float
        Of the marks.
    """
    marks = [Box(x - radius, y - radius, x + radius, y + radius) for x, y in points]
    placed: dict[int, Box] = {}
    for i in sorted(range(len(points)), key=lambda i: (-_neighbours(i, points), i)):
        occupied = [*placed.values(), *marks]
        other_points = [point for point in points if point != points[i]]
        boxes = list(_places(points[i], text_width(texts[i])))
        best, least = boxes[0], (math.inf, 0)
        for box in boxes:
            if not box.inside(frame):
                continue
            covered = sum(box.overlap(other) for other in occupied)
            crossed = sum(_crosses(points[i], box, other, radius) for other in other_points)
            if (covered, crossed) < least:
                best, least = box, (covered, crossed)
            if least == (0, 0):
                break
        placed[i] = best
    return [placed[i] for i in range(len(points))]


def leader(point: tuple[float, float], box: Box) -> tuple[float, float] | None:
    """Return where a line from a mark meets its name; None where the name is beside the mark."""
    x = min(max(point[0], box.left), box.right)
    y = min(max(point[1], box.top + 2), box.bottom - 2)
    return (x, y) if math.dist(point, (x, y)) >= MIN_LEADER_LENGTH else None


def text_width(text: str) -> float:
    """Return about how wide a text of 12 px is, whatever font the reader has."""
    return sum(map(_letter_width, text))


def _letter_width(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF":
        return FULL_WIDTH
    return CAPITAL_WIDTH if letter.isupper() or letter in "mw" else SMALL_LETTER_WIDTH


def _crosses(
    point: tuple[float, float], box: Box, other: tuple[float, float], radius: float
) -> bool:
    """Say whether the line to a name crosses another mark."""
    end = leader(point, box)
    if end is None:
        return False
    along = (end[0] - point[0], end[1] - point[1])
    to = (other[0] - point[0], other[1] - point[1])
    share = (along[0] * to[0] + along[1] * to[1]) / (along[0] ** 2 + along[1] ** 2)
    share = min(max(share, 0.0), 1.0)
    near = math.dist(other, (point[0] + share * along[0], point[1] + share * along[1]))
    return near < radius


def _neighbours(i: int, points: Sequence[tuple[float, float]]) -> int:
    x, y = points[i]
    return sum(abs(x - u) < 100 and abs(y - v) < 2 * LINE_HEIGHT for u, v in points) - 1


def _places(point: tuple[float, float], width: float) -> Iterator[Box]:
    """Yield boxes beside a point, then further and further above and below."""
    x, y = point
    for step in range(40):
        for down in (0.0,) if step == 0 else (-step * LINE_HEIGHT / 2, step * LINE_HEIGHT / 2):
            top = y + down - LINE_HEIGHT / 2
            # beside the mark, or over and under it where there is room between
            starts = [x + LABEL_OFFSET, x - LABEL_OFFSET - width]
            if abs(down) >= LABEL_OFFSET + LINE_HEIGHT / 2:
                starts.insert(0, x - width / 2)
            for left in starts:
                yield Box(left, top, left + width, top + LINE_HEIGHT)
