"""Panoptic maps as code maps: one code for each (class, instance) pair."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from septum.errors import problem
from septum.jit import compiled
from septum.metrics.pairs import ID_BITS, LabelMap


class Segments:
    """A semantic and an instance map, read as segments.

    An instance of a thing class is a segment; all pixels of a stuff class are one. Pixels of a
    thing class without an instance keep their class (semantic scores see them) and belong to
    no segment; class 0 is background whatever its instance id.

    Parameters
    ----------
    semantic : integer array, any shape
        Class ids, 0 for background.
    instance : integer array of that shape, or None
        Instance ids, 0 for none; None where every class is stuff.
    things : iterable of int
        The classes whose instances count.
    name : str
        What errors call it.

    Raises
    ------
    SeptumError
        Where the maps differ in shape, or hold something else than ids.
    """

    def __init__(
        self,
        semantic: np.ndarray,
        instance: np.ndarray | None,
        things: Iterable[int],
        name: str,
    ) -> None:
        things = sorted(things)
        self._is_thing = np.zeros(max(things, default=0) + 1, dtype=bool)
        self._is_thing[things] = True
        if instance is None and things:
            raise problem(name, "has thing classes and no instance map", "give the instance map")
        self._semantic = LabelMap(semantic, f"{name}, semantic map")
        self._instance = LabelMap(instance, f"{name}, instance map") if things else None
        if self._instance is not None and self._instance.shape != self._semantic.shape:
            shapes = f"{self._instance.shape} and {self._semantic.shape}"
            what = f"the instance map and the semantic map have shapes {shapes}"
            raise problem(name, what, "give both on one grid")

    @property
    def shape(self) -> tuple[int, ...]:
        """The maps' shape."""
        return self._semantic.shape

    def codes(self, rows: slice) -> np.ndarray:
        """Return ``class << 32 | instance``, uint64, of a range along the first axis."""
        classes = self._semantic.codes(rows)
        if self._instance is None:
            return classes.astype(np.uint64) << np.uint64(ID_BITS)
        ids = self._instance.codes(rows)
        return _encode(classes.ravel(), ids.ravel(), self._is_thing).reshape(classes.shape)


@compiled
def _encode(classes, ids, is_thing):  # noqa: ANN001, ANN202 - typed by numba
    codes = np.empty(classes.size, np.uint64)
    for i in range(classes.size):
        codes[i] = np.uint64(classes[i]) << np.uint64(ID_BITS)
        if classes[i] < is_thing.size and is_thing[classes[i]]:
            codes[i] |= np.uint64(ids[i])
    return codes
