"""A sample of windows of cases, limited in pixels and spread over all cases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from septum.data.store import open_case


def central_windows(
    cases: Sequence[str | Path], *, most: int, least: int
) -> list[tuple[str | Path, tuple[slice, ...]]]:
    """Choose windows at the centres of cases.

    Large cases are cropped to their centre. If the windows still have too many pixels, cases are
    chosen evenly spaced in the given order.

    Parameters
    ----------
    cases : sequence of path
        Canonical cases.
    most : int
        Largest number of pixels of all windows, unless a single window has more.
    least : int
        Number of pixels to which the windows of large cases may shrink before whole cases are
        left out.

    Returns
    -------
    list of (case, window)
        Chosen cases, and their windows as slices along the spatial axes.
    """
    share = max(least, most // max(1, len(cases)))
    windows = []
    for path in cases:
        shape = open_case(path).image.shape[1:]
        shrink = min(1.0, (share / math.prod(shape)) ** (1 / len(shape)))
        sizes = [max(1, int(n * shrink)) for n in shape]
        starts = [(n - size) // 2 for n, size in zip(shape, sizes, strict=True)]
        window = tuple(slice(a, a + size) for a, size in zip(starts, sizes, strict=True))
        windows.append((path, window))
    pixels = sum(math.prod(s.stop - s.start for s in window) for _, window in windows)
    count = min(len(windows), max(1, int(len(windows) * most / max(1, pixels))))
    indices = np.unique(np.linspace(0, len(windows) - 1, count).round().astype(int))
    return [windows[i] for i in indices] if windows else []
