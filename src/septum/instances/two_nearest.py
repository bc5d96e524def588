"""Distances to the nearest and to the second nearest different object, in linear time.

A separable Euclidean distance transform (Felzenszwalb and Huttenlocher, *Distance Transforms
of Sampled Functions*, Theory of Computing 8, 2012) that carries two candidates a pixel,
``(squared distance, label)`` with different labels, instead of one. Time and memory grow with
the number of pixels, whatever the number of objects.

Why two candidates are enough from axis to axis: let label *b* be the second nearest of pixel x,
reached through position q of x's line. If two other labels were at least as near as *b* in q,
both would be at least as near in x, so leaving *b* out of q changes no distance of x.

Why one line takes linear time: a candidate f in q is the parabola ``f + (x - q)²`` over the
line's positions x, and the difference of two parabolas is linear in x. So

1. the lower envelope of the first candidates gives the nearest label of every x: pieces with
   apexes q_0 < q_1 < …, joined to runs of equal label;
2. in a run of label *a* the runner-up is the lower envelope of the best candidate of each q
   whose label is not *a*. Only the q from the last apex of the run before to the first apex of
   the run after are looked at: the run before ends in x - 1 with an apex p whose parabola lies
   below that of every q < p there, hence below it in x and onwards, and its label is not *a*.
   So a q belongs to two runs at most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from septum.errors import problem
from septum.jit import compiled


def two_nearest(
    labels: np.ndarray,
    spacing: Sequence[float] | None = None,
    *,
    max_distance: float = math.inf,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances to the nearest and the second nearest different object.

    Parameters
    ----------
    labels : integer array, any number of dimensions
        0 is background, every other value one object (not necessarily connected).
    spacing : sequence of float, optional
        Pixel size along each axis; 1 along each where it is not given.
    max_distance : float
        Distances above this come out as infinity. A limit saves time in sparse images.

    Returns
    -------
    d1, d2 : float32 arrays of the shape of ``labels``
        Euclidean distance from a pixel's centre to the nearest pixel centre of the nearest and
        of the second nearest object, in units of ``spacing``. Inside an object ``d1`` is 0 and
        ``d2`` the distance to the nearest other object. Infinite where there is no such object.

    Raises
    ------
    SeptumError
        ``labels`` is not an integer array or holds negative values; ``spacing`` does not have
        one positive number an axis.

    Notes
    -----
    Exact up to float32 rounding. Holds 20 bytes a pixel besides the input and the result.

    Examples
    --------
    >>> d1, d2 = two_nearest(np.array([1, 1, 0, 0, 0, 2]))
    >>> d1
    array([0., 0., 1., 2., 1., 0.], dtype=float32)
    >>> d2
    array([5., 4., 3., 2., 3., 4.], dtype=float32)
    """
    ids = _compact(labels)
    steps = _steps(spacing, ids.ndim)
    limit = float(max_distance) ** 2
    # first the nearest, then the second nearest of every pixel
    squares = np.full((2, *ids.shape), np.inf, np.float32)
    nears = np.zeros((2, *ids.shape), np.int32)
    if ids.size:
        lines = (2, len(ids), -1)
        _sweep(
            ids.reshape(lines[1:]), steps[0], limit, squares.reshape(lines), nears.reshape(lines)
        )
    for axis in range(1, ids.ndim if ids.size else 0):
        lines = (2, math.prod(ids.shape[:axis]), ids.shape[axis], -1)
        _transform_axis(squares.reshape(lines), nears.reshape(lines), steps[axis] ** 2, limit)
    np.sqrt(squares, out=squares)
    return squares[0], squares[1]


def _compact(labels: np.ndarray) -> np.ndarray:
    """Return the labels as a contiguous int32 array, renumbered where the ids are too large."""
    labels = np.asarray(labels)
    if labels.ndim == 0 or not np.issubdtype(labels.dtype, np.integer):
        raise problem(
            "labels",
            f"are {labels.dtype} of shape {labels.shape}, not an array of whole numbers",
            "give an instance map: 0 is background, every object has an id of its own",
        )
    if labels.size and labels.min() < 0:
        raise problem("labels", "hold negative values", "give 0 to the background, ids above it")
    if labels.size and labels.max() > np.iinfo(np.int32).max:
        values, inverse = np.unique(labels, return_inverse=True)
        # 0 has to stay 0, also where no pixel is background
        labels = inverse.reshape(labels.shape) + (0 if values[0] == 0 else 1)
    return np.ascontiguousarray(labels, dtype=np.int32)


def _steps(spacing: Sequence[float] | None, ndim: int) -> tuple[float, ...]:
    """Return the spacing as checked floats."""
    steps = (1.0,) * ndim if spacing is None else tuple(float(step) for step in spacing)
    if len(steps) != ndim or not all(math.isfinite(step) and step > 0 for step in steps):
        raise problem(
            "spacing",
            f"{spacing} does not fit labels of {ndim} dimensions",
            "give one positive number an axis, in the order of the axes",
        )
    return steps


@compiled
def _sweep(labels, step, limit, squares, nears):  # noqa: ANN001, ANN202
    """Fill in the two nearest labels along the first axis, going down and coming back up.

    Lines lie side by side, so that both directions read memory in order. Along one line the
    nearest labels on one side are the last one met and the last different one before it.
    """
    rows, lines = labels.shape
    last = np.empty((2, lines), np.int32)
    place = np.zeros((2, lines), np.int64)
    for back in range(2):
        for line in range(lines):
            last[0, line] = last[1, line] = 0
        for i in range(rows):
            row = rows - 1 - i if back else i
            for line in range(lines):
                label = labels[row, line]
                if label != 0:
                    if label != last[0, line]:
                        last[1, line] = last[0, line]
                        place[1, line] = place[0, line]
                        last[0, line] = label
                    place[0, line] = row
                for side in range(2):
                    label = last[side, line]
                    square = ((row - place[side, line]) * step) ** 2
                    if label == 0 or square > limit:
                        continue
                    if label == nears[0, row, line]:
                        squares[0, row, line] = min(squares[0, row, line], square)
                    elif square < squares[0, row, line]:
                        squares[1, row, line] = squares[0, row, line]
                        nears[1, row, line] = nears[0, row, line]
                        squares[0, row, line] = square
                        nears[0, row, line] = label
                    elif square < squares[1, row, line]:
                        squares[1, row, line] = square
                        nears[1, row, line] = label


@compiled
def _envelope(squares, nears, positions, banned, start, stop, halves, pieces):  # noqa: ANN001, ANN202
    """Build the lower envelope of the best candidate of each position not labelled ``banned``.

    Returns the number of pieces that are lowest somewhere in ``start..stop``; ``pieces`` holds
    their apex, height of the apex, label and first position. ``halves[k]`` is 1 / (2 k scale).
    """
    apex, height, label, first = pieces
    top = -1
    for q in range(positions[0], positions[1] + 1):
        k = 0 if nears[0, q] != banned else 1
        f, near = squares[k, q], nears[k, q]
        if near == 0:
            continue
        x = start
        while top >= 0:
            p = apex[top]
            crossing = (f - height[top]) * halves[q - p] + 0.5 * (p + q)
            # within the line, so that no spacing makes an integer overflow
            x = math.floor(min(max(crossing, -1.0), stop)) + 1
            if x > first[top]:
                break
            top -= 1
            x = start
        if x <= stop:
            top += 1
            apex[top], height[top], label[top], first[top] = q, f, near, x
    return top + 1


@compiled
def _read_off(pieces, count, stop, scale, squares, nears):  # noqa: ANN001, ANN202
    """Write down height and label of the envelope's ``count`` pieces, up to ``stop``."""
    apex, height, label, first = pieces
    for k in range(count):
        after = first[k + 1] if k + 1 < count else stop + 1
        for x in range(first[k], after):
            squares[x] = height[k] + scale * ((x - apex[k]) * (x - apex[k]))
            nears[x] = label[k]


@compiled
def _transform_line(f, label, scale, halves, whole, part, best, near):  # noqa: ANN001, ANN202
    """Find the two lowest parabolas of different label over every position of a line."""
    n = f.shape[1]
    for x in range(n):
        best[0, x] = best[1, x] = np.inf
        near[0, x] = near[1, x] = 0
    apex, _, winner, first = whole
    count = _envelope(f, label, (0, n - 1), np.int32(0), 0, n - 1, halves, whole)
    _read_off(whole, count, n - 1, scale, best[0], near[0])
    i = 0
    while i < count:
        j = i + 1  # the run of one label is pieces i..j - 1
        while j < count and winner[j] == winner[i]:
            j += 1
        stop = first[j] - 1 if j < count else n - 1
        positions = (apex[i - 1] if i > 0 else 0, apex[j] if j < count else n - 1)
        m = _envelope(f, label, positions, winner[i], first[i], stop, halves, part)
        _read_off(part, m, stop, scale, best[1], near[1])
        i = j


@compiled
def _transform_axis(squares, nears, scale, limit):  # noqa: ANN001, ANN202
    """Carry both candidates along the middle of three axes, in place.

    ``scale`` is the squared step of that axis.
    """
    _, outer, n, inner = squares.shape
    f, label = np.empty((2, n)), np.empty((2, n), np.int32)
    best, near = np.empty((2, n)), np.empty((2, n), np.int32)
    whole = (np.empty(n, np.int64), np.empty(n), np.empty(n, np.int32), np.empty(n, np.int64))
    part = (np.empty(n, np.int64), np.empty(n), np.empty(n, np.int32), np.empty(n, np.int64))
    halves = 0.5 / (scale * np.arange(n))
    for o in range(outer):
        for c in range(inner):
            for x in range(n):
                for k in range(2):
                    f[k, x], label[k, x] = squares[k, o, x, c], nears[k, o, x, c]
            _transform_line(f, label, scale, halves, whole, part, best, near)
            for x in range(n):
                for k in range(2):
                    found = best[k, x] <= limit
                    squares[k, o, x, c] = best[k, x] if found else np.inf
                    nears[k, o, x, c] = near[k, x] if found else 0
