"""Things and stuff in one map: what objects leave is stuff.

Objects come first, whatever the classes of their pixels are; of the rest each pixel has the
class of stuff that it most likely is. Classes of stuff that are left with next to nothing are
mistakes, and become background (Kirillov, Girshick, He, Dollár, "Panoptic Feature Pyramid
Networks", CVPR 2019, https://arxiv.org/abs/1901.02446, section 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from septum.config.schema import ClassSpec
from septum.instances.relabel import keep_objects

STUFF_FACTORS = (0, 2, 8, 32)
"""Least pixels of a class of stuff that are tried, in units of the smallest object that is kept."""


def least_stuff(min_size: int) -> list[int]:
    """Return the numbers of pixels below which a class of stuff may be background."""
    return [factor * max(1, min_size) for factor in STUFF_FACTORS]


def likeliest_stuff(probabilities: np.ndarray, classes: Mapping[int, ClassSpec]) -> np.ndarray:
    """Return the class of each pixel, were it none of an object's.

    Parameters
    ----------
    probabilities : (1 + classes or more, *spatial) float array
        Background, then the classes by ascending id; what follows is not looked at.
    classes : mapping of int to ClassSpec
        The foreground classes by their id.

    Returns
    -------
    (*spatial) uint16 array
        Ids of stuff, 0 background.

    Examples
    --------
    >>> classes = {1: ClassSpec(name="cell"), 2: ClassSpec(name="stroma", kind="stuff")}
    >>> probabilities = np.array([[0.2, 0.4], [0.5, 0.5], [0.3, 0.1]])
    >>> likeliest_stuff(probabilities, classes)  # class 1 is no stuff, however likely
    array([2, 0], dtype=uint16)
    """
    ids = np.array([0, *sorted(classes)], np.uint16)
    stuff = [c for c, i in enumerate(ids) if c == 0 or classes[int(i)].kind == "stuff"]
    return ids[stuff][np.argmax(probabilities[stuff], axis=0)]


def fill_with_stuff(semantic: np.ndarray, stuff: np.ndarray, min_stuff: int = 0) -> np.ndarray:
    """Return the class map of objects and, where there is none, of stuff.

    Parameters
    ----------
    semantic : (*spatial) integer array
        Classes of the objects; 0 where there is none.
    stuff : (*spatial) integer array
        Classes of stuff, 0 background.
    min_stuff : int
        A class of stuff of fewer pixels than these, outside of objects, is background.

    Returns
    -------
    (*spatial) uint16 array

    Examples
    --------
    >>> objects, stuff = np.array([1, 1, 0, 0]), np.array([2, 2, 2, 0])
    >>> fill_with_stuff(objects, stuff)
    array([1, 1, 2, 0], dtype=uint16)
    >>> fill_with_stuff(objects, stuff, min_stuff=2)
    array([1, 1, 0, 0], dtype=uint16)
    """
    rest = np.where(semantic > 0, 0, stuff)
    if min_stuff > 1:
        sizes = np.bincount(rest.ravel())
        kept = np.arange(len(sizes), dtype=rest.dtype)
        kept[sizes < min_stuff] = 0
        rest = kept[rest]
    return np.where(semantic > 0, semantic, rest).astype(np.uint16)


def panoptic_merge(
    objects: tuple[np.ndarray, np.ndarray, Sequence[float] | None],
    classes_of_pixels: np.ndarray,
    classes: Mapping[int, ClassSpec],
    *,
    threshold: float = 0.0,
    min_stuff: int = 0,
) -> tuple[np.ndarray, np.ndarray, list[float] | None]:
    """Merge one model's objects with another's classes of pixels.

    Objects come first. Where there is none, a pixel has the class that the other model gives
    it, if this is stuff; a pixel that it takes for a thing is background.

    Parameters
    ----------
    objects : (semantic, instance, scores)
        Integer maps (*spatial) of one model, 0 where there is no object, and the scores of its
        objects 1 … n; without scores all count.
    classes_of_pixels : (*spatial) integer array
        The class map of the other model.
    classes : mapping of int to ClassSpec
        The foreground classes by their id.
    threshold : float
        Score from which on an object counts.
    min_stuff : int
        As in `fill_with_stuff`.

    Returns
    -------
    semantic : (*spatial) uint16 array
    instance : (*spatial) uint32 array
        The objects that count, 1 … n in their order.
    scores : list of n float, or None
        None where there were none.

    Examples
    --------
    >>> classes = {1: ClassSpec(name="cell"), 2: ClassSpec(name="stroma", kind="stuff")}
    >>> objects = np.array([1, 1, 0, 0]), np.array([1, 1, 0, 0]), [0.9]
    >>> semantic, instance, scores = panoptic_merge(objects, np.array([2, 2, 2, 1]), classes)
    >>> semantic.tolist(), instance.tolist(), scores
    ([1, 1, 2, 0], [1, 1, 0, 0], [0.9])
    """
    semantic, instance, given = objects
    scores = np.ones(int(instance.max(initial=0))) if given is None else np.asarray(given, float)
    kept = np.flatnonzero(scores >= threshold)
    instance = keep_objects(instance, kept + 1)
    stuff_ids = [i for i, spec in classes.items() if spec.kind == "stuff"]
    stuff = np.where(np.isin(classes_of_pixels, stuff_ids), classes_of_pixels, 0)
    things = np.where(instance > 0, semantic, 0)
    merged = fill_with_stuff(things, stuff, min_stuff)
    return merged, instance, None if given is None else scores[kept].tolist()
