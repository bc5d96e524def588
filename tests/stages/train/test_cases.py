"""Training cases: held in memory where they fit."""

from __future__ import annotations

from septum.data import store
from septum.stages.train.cases import fits_in_memory


def test_cases_are_held_in_memory_where_they_fit(data):
    paths = list(store.case_paths([data / "cases" / "b0"]).values())
    pixels = 6 * 64 * 64
    for weights, instances, share in ((0, 0, 2), (1, 0, 6), (0, 1, 6), (1, 1, 10)):
        what = {"weights": bool(weights), "instances": bool(instances)}
        assert fits_in_memory(paths, **what, budget=share * pixels)
        assert not fits_in_memory(paths, **what, budget=share * pixels - 1)
        assert fits_in_memory(paths, **what, copies=3, budget=3 * share * pixels)
        assert not fits_in_memory(paths, **what, copies=3, budget=3 * share * pixels - 1)
        assert fits_in_memory(paths, **what)
