"""Tuning looks at a bounded number of pixels, from all over the cases."""

from __future__ import annotations

import numpy as np

from septum.data.store import Case, Geometry, write_case
from septum.data.store_attributes import IntensityStatistics
from septum.stages.tune.subsample import central_windows


def test_centres_of_evenly_spaced_cases(tmp_path):
    shapes = [(100, 100), (60, 60), (20, 20), (80, 90), (50, 50)]
    paths = [tmp_path / f"{number}.zarr" for number in range(len(shapes))]
    for path, shape in zip(paths, shapes, strict=True):
        image = np.zeros((1, *shape), np.uint8)
        write_case(
            path,
            Case(
                path.stem, image, None, None, Geometry((1.0, 1.0)), IntensityStatistics({}, [], [])
            ),
        )
    windows = central_windows(paths, most=10_000, least=3600)
    # five centres of at most 60²: 13,700 pixels; so three cases, evenly spaced
    assert [path for path, _ in windows] == [paths[0], paths[2], paths[4]]
    assert windows[0][1] == (slice(20, 80), slice(20, 80))
    assert windows[1][1] == (slice(0, 20), slice(0, 20))


def test_no_cases_no_windows():
    assert central_windows([], most=100, least=10) == []
