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
import warnings
from collections.abc import Callable, Sequence

import numba
import numpy as np

from septum.errors import fail


def _compiled(function: Callable) -> Callable:
    """Compile by numba and keep the machine code for the next process.

    It lies in ``__pycache__`` beside this module, or in the user's cache folder where that
    cannot be written, or in ``NUMBA_CACHE_DIR`` where that is set.
    """
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError as error:  # no folder can be written: numba says "no locator available"
        warnings.warn(
            f"{error}: it is compiled anew in every process; set NUMBA_CACHE_DIR to a folder "
            "that can be written to save these seconds",
            RuntimeWarning,
            stacklevel=2,
        )
        return numba.njit(cache=False, nogil=True, error_model="numpy")(function)


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
        Distances above this need not be found: they come out as infinity (or, where a pixel
        of a line within reach knows of the object, as they are). Saves time in sparse images.

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
    """
    ids = _compact(labels)
    steps = _steps(spacing, ids.ndim)
    limit = float(max_distance) ** 2
    near1, near2 = np.zeros_like(ids), np.zeros_like(ids)
    square1, square2 = np.empty(ids.shape, np.float32), np.empty(ids.shape, np.float32)
    if ids.size == 0:
        return square1, square2
    lines = (ids.shape[0], ids.size // ids.shape[0])
    _sweep(
        ids.reshape(lines),
        steps[0],
        limit,
        square1.reshape(lines),
        near1.reshape(lines),
        square2.reshape(lines),
        near2.reshape(lines),
    )
    for axis in range(1, ids.ndim):
        lines = (-1, ids.shape[axis], math.prod(ids.shape[axis + 1 :]))
        _transform_lines(
            square1.reshape(lines),
            near1.reshape(lines),
            square2.reshape(lines),
            near2.reshape(lines),
            steps[axis] ** 2,
            limit,
        )
    return np.sqrt(square1, out=square1), np.sqrt(square2, out=square2)


def _compact(labels: np.ndarray) -> np.ndarray:
    """Return the labels as a contiguous int32 array, renumbered where the ids are too large."""
    labels = np.asarray(labels)
    if labels.ndim == 0 or not np.issubdtype(labels.dtype, np.integer):
        raise fail(
            "labels",
            f"are {labels.dtype} of shape {labels.shape}, not an array of whole numbers",
            "give an instance map: 0 is background, every object has an id of its own",
        )
    if labels.size and labels.min() < 0:
        raise fail("labels", "hold negative values", "give 0 to the background, ids above it")
    if labels.size and labels.max() > np.iinfo(np.int32).max:
        values, inverse = np.unique(labels, return_inverse=True)
        # 0 has to stay 0, also where no pixel is background
        labels = inverse.reshape(labels.shape) + (0 if values[0] == 0 else 1)
    return np.ascontiguousarray(labels, dtype=np.int32)


def _steps(spacing: Sequence[float] | None, ndim: int) -> tuple[float, ...]:
    """Return the spacing as checked floats."""
    steps = (1.0,) * ndim if spacing is None else tuple(float(step) for step in spacing)
    if len(steps) != ndim or not all(math.isfinite(step) and step > 0 for step in steps):
        raise fail(
            "spacing",
            f"{spacing} does not fit labels of {ndim} dimensions",
            "give one positive number an axis, in the order of the axes",
        )
    return steps


@_compiled
def _sweep(labels, step, limit, square1, near1, square2, near2):  # noqa: ANN001, ANN202
    """Fill in the two nearest labels along the first axis, going down and coming back up.

    Lines lie side by side, so that both directions read memory in order. Along one line the
    nearest labels on one side are the last one met and the last different one before it.
    """
    rows, lines = labels.shape
    last = np.zeros((2, lines), np.int32)
    place = np.zeros((2, lines), np.int32)
    for direction in range(2):
        last[:] = 0
        for i in range(rows):
            row = i if direction == 0 else rows - 1 - i
            for line in range(lines):
                label = labels[row, line]
                if label != 0:
                    if label != last[0, line]:
                        last[1, line] = last[0, line]
                        place[1, line] = place[0, line]
                        last[0, line] = label
                    place[0, line] = row
                if direction == 0:
                    a, b = np.inf, np.inf
                    label_a, label_b = np.int32(0), np.int32(0)
                else:
                    a, label_a = square1[row, line], near1[row, line]
                    b, label_b = square2[row, line], near2[row, line]
                for side in range(2):
                    label = last[side, line]
                    away = (row - place[side, line]) * step
                    square = away * away
                    if label == 0 or square > limit or (label != label_a and square >= b):
                        continue
                    if label == label_a:
                        a = min(a, square)
                    elif square < a:
                        b, label_b = a, label_a
                        a, label_a = square, label
                    else:
                        b, label_b = square, label
                square1[row, line], near1[row, line] = a, label_a
                square2[row, line], near2[row, line] = b, label_b


@_compiled
def _envelope(squares, nears, lo, hi, banned, start, stop, halves, piece_q, piece_f, piece_l, piece_x):  # noqa: ANN001, ANN202
    """Build the lower envelope of the best candidates in ``lo..hi`` whose label is not ``banned``.

    Returns the number of pieces that are lowest somewhere in ``start..stop``: apex, height of
    the apex, label, first position.
    """
    top = -1
    for q in range(lo, hi + 1):
        f, label = squares[0, q], nears[0, q]
        if label == banned:
            f, label = squares[1, q], nears[1, q]
        if label == 0:
            continue
        x = start
        while top >= 0:
            p = piece_q[top]
            x = int(math.floor((f - piece_f[top]) * halves[q - p] + 0.5 * (p + q))) + 1
            if x > piece_x[top]:
                break
            top -= 1
            x = start
        if x <= stop:
            top += 1
            piece_q[top], piece_f[top], piece_l[top], piece_x[top] = q, f, label, x
    return top + 1


@_compiled
def _transform_lines(square1, near1, square2, near2, scale, limit):  # noqa: ANN001, ANN202
    """Carry both candidates along the middle axis, in place.

    ``scale`` is the squared step of the axis.
    """
    outer, n, inner = square1.shape
    squares, nears = np.empty((2, n)), np.empty((2, n), np.int32)
    first_q, first_f = np.empty(n, np.int64), np.empty(n)
    first_l, first_x = np.empty(n, np.int32), np.empty(n, np.int64)
    second_q, second_f = np.empty(n, np.int64), np.empty(n)
    second_l, second_x = np.empty(n, np.int32), np.empty(n, np.int64)
    halves = np.empty(n)
    for i in range(n):
        halves[i] = 0.5 / (scale * i) if i else 0.0
    for o in range(outer):
        for c in range(inner):
            for i in range(n):
                squares[0, i], nears[0, i] = square1[o, i, c], near1[o, i, c]
                squares[1, i], nears[1, i] = square2[o, i, c], near2[o, i, c]
            count = _envelope(squares, nears, 0, n - 1, 0, 0, n - 1, halves, first_q, first_f, first_l, first_x)
            if count == 0:
                continue
            i = 0
            while i < count:
                label = first_l[i]
                j = i
                while j + 1 < count and first_l[j + 1] == label:
                    j += 1
                start = first_x[i]
                stop = first_x[j + 1] - 1 if j + 1 < count else n - 1
                for k in range(i, j + 1):
                    end = first_x[k + 1] if k + 1 < count else n
                    for x in range(first_x[k], end):
                        d = first_f[k] + scale * ((x - first_q[k]) * (x - first_q[k]))
                        square1[o, x, c] = d if d <= limit else np.inf
                        near1[o, x, c] = label if d <= limit else 0
                lo = first_q[i - 1] if i > 0 else 0
                hi = first_q[j + 1] if j + 1 < count else n - 1
                m = _envelope(squares, nears, lo, hi, label, start, stop, halves, second_q, second_f, second_l, second_x)
                if m == 0:
                    for x in range(start, stop + 1):
                        square2[o, x, c] = np.inf
                        near2[o, x, c] = 0
                for k in range(m):
                    end = second_x[k + 1] if k + 1 < m else stop + 1
                    for x in range(second_x[k], end):
                        d = second_f[k] + scale * ((x - second_q[k]) * (x - second_q[k]))
                        square2[o, x, c] = d if d <= limit else np.inf
                        near2[o, x, c] = second_l[k] if d <= limit else 0
                i = j + 1
