"""Outlines of masks along the edges of their pixels: polygons that hold exactly these pixels.

A pixel in row r and column c is the square from (c, r) to (c + 1, r + 1), as QuPath and ImageJ
have it. Diagonal neighbours are parts of their own, so that every ring is simple.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

Ring = list[tuple[int, int]]
Polygon = list[Ring]

# from a pixel's upper left corner: where its four edges start and where they lead, clockwise
_STARTS = ((0, 0), (1, 0), (1, 1), (0, 1))
_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
_NEIGHBOURS = ((-1, 0), (0, 1), (1, 0), (0, -1))  # (row, column) beyond each edge


def polygons(mask: np.ndarray, origin: tuple[int, int] = (0, 0)) -> list[Polygon]:
    """Return the polygons of a mask.

    Parameters
    ----------
    mask : (rows, columns) bool array
    origin : (int, int)
        Row and column of its first pixel in the image.

    Returns
    -------
    list of polygons
        One for each part whose pixels share edges: its outer ring, clockwise on the screen, then
        its holes, anticlockwise; corners as (x, y), the first not repeated.
    """
    parts, count = ndimage.label(mask)
    outlines = []
    for part, box in enumerate(ndimage.find_objects(parts, count), start=1):
        rings = _rings(parts[box] == part)
        x, y = origin[1] + box[1].start, origin[0] + box[0].start
        placed = [[(cx + x, cy + y) for cx, cy in ring] for ring in rings]
        outlines.append(sorted(placed, key=_area, reverse=True))  # holes are negative
    return outlines


def _rings(part: np.ndarray) -> list[Ring]:
    """Trace the edges of a part; where two edges go on, either will do (`_simple`)."""
    padded = np.pad(part, 1)
    edges: dict[tuple[int, int], list[int]] = {}
    for direction, (down, right) in enumerate(_NEIGHBOURS):
        beyond = np.roll(padded, (-down, -right), axis=(0, 1))
        rows, columns = np.nonzero((padded & ~beyond)[1:-1, 1:-1])
        x, y = _STARTS[direction]
        for start in zip((columns + x).tolist(), (rows + y).tolist(), strict=True):
            edges.setdefault(start, []).append(direction)
    rings = []
    while edges:
        corner = next(iter(edges))
        path: Ring = []
        while not path or corner != path[0]:
            x, y = _STEPS[edges[corner].pop()]
            if not edges[corner]:
                del edges[corner]
            path.append(corner)
            corner = (corner[0] + x, corner[1] + y)
        rings += [_without_straights(ring) for ring in _simple(path)]
    return rings


def _simple(path: Ring) -> list[Ring]:
    """Cut a closed path where it touches itself, at the corner of two diagonal pixels."""
    rings, open_path, place = [], [], {}
    for corner in path:
        if corner in place:
            start = place[corner]
            ring = open_path[start:]
            for passed in ring:
                del place[passed]
            del open_path[start:]
            rings.append(ring)
        place[corner] = len(open_path)
        open_path.append(corner)
    return [*rings, open_path]


def _without_straights(ring: Ring) -> Ring:
    """Leave out corners that no edge turns at."""
    before, after = [ring[-1], *ring[:-1]], [*ring[1:], ring[0]]
    return [
        b
        for a, b, c in zip(before, ring, after, strict=True)
        if (b[0] - a[0]) * (c[1] - b[1]) != (b[1] - a[1]) * (c[0] - b[0])
    ]


def _area(ring: Ring) -> int:
    """Return twice the signed area: positive where the ring goes clockwise on the screen."""
    ahead = [*ring[1:], ring[0]]
    return sum(x * v - u * y for (x, y), (u, v) in zip(ring, ahead, strict=True))
