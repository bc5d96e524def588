"""Merging of things and stuff to panoptic maps.

Pixels of objects have the class of their object. All other pixels have the most probable class of
stuff. Classes of stuff with few remaining pixels are taken for errors and become background
(Kirillov, Girshick, He, Dollár, "Panoptic Feature Pyramid Networks", CVPR 2019,
https://arxiv.org/abs/1901.02446, section 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from septum.config.schema import ClassSpec
from septum.instances.relabel import keep_objects

STUFF_FACTORS = (0, 2, 8, 32)
"""Minimum pixels of a class of stuff that are tried, as multiples of the minimum object size."""


def least_stuff(min_size: int) -> list[int]:
    """Return the minimum numbers of pixels of a class of stuff that are tried."""
    return [factor * max(1, min_size) for factor in STUFF_FACTORS]


def likeliest_stuff(probabilities: np.ndarray, classes: Mapping[int, ClassSpec]) -> np.ndarray:
    """Return the most probable class of each pixel among background and stuff.

    Parameters
    ----------
    probabilities : (1 + classes or more, *spatial) float array
        Background, then the classes by ascending id; further channels are ignored.
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
    """Return the class map of objects and, in pixels without objects, of stuff.

    Parameters
    ----------
    semantic : (*spatial) integer array
        Classes of the objects, 0 in pixels without objects.
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
    stuff_outside = np.where(semantic > 0, 0, stuff)
    if min_stuff > 1:
        sizes = np.bincount(stuff_outside.ravel())
        class_of_class = np.arange(len(sizes), dtype=stuff_outside.dtype)
        class_of_class[sizes < min_stuff] = 0
        stuff_outside = class_of_class[stuff_outside]
    return np.where(semantic > 0, semantic, stuff_outside).astype(np.uint16)


def panoptic_merge(
    objects: tuple[np.ndarray, np.ndarray, Sequence[float] | None],
    classes_of_pixels: np.ndarray,
    classes: Mapping[int, ClassSpec],
    *,
    threshold: float = 0.0,
    min_stuff: int = 0,
) -> tuple[np.ndarray, np.ndarray, list[float] | None]:
    """Merge the objects of one model with the classes of pixels of another.

    Pixels of objects have the class of their object. Other pixels have the class that the other
    model predicts if this is stuff; if it is a thing, they are background.

    Parameters
    ----------
    objects : (semantic, instance, scores)
        Integer maps (*spatial) of one model, 0 in pixels without objects, and the scores of its
        objects 1 … n. Without scores (None) all objects are kept.
    classes_of_pixels : (*spatial) integer array
        The class map of the other model.
    classes : mapping of int to ClassSpec
        The foreground classes by their id.
    threshold : float
        Smallest score of an object.
    min_stuff : int
        See `fill_with_stuff`.

    Returns
    -------
    semantic : (*spatial) uint16 array
    instance : (*spatial) uint32 array
        The objects that are kept, renumbered 1 … n in their order.
    scores : list of n float, or None
        Their scores; None if there were none.

    Examples
    --------
    >>> classes = {1: ClassSpec(name="cell"), 2: ClassSpec(name="stroma", kind="stuff")}
    >>> objects = np.array([1, 1, 0, 0]), np.array([1, 1, 0, 0]), [0.9]
    >>> semantic, instance, scores = panoptic_merge(objects, np.array([2, 2, 2, 1]), classes)
    >>> semantic.tolist(), instance.tolist(), scores
    ([1, 1, 2, 0], [1, 1, 0, 0], [0.9])
    """
    semantic, instance, given_scores = objects
    scores = (
        np.ones(int(instance.max(initial=0)))
        if given_scores is None
        else np.asarray(given_scores, float)
    )
    counted = np.flatnonzero(scores >= threshold)
    instance = keep_objects(instance, counted + 1)
    stuff_ids = [i for i, spec in classes.items() if spec.kind == "stuff"]
    stuff = np.where(np.isin(classes_of_pixels, stuff_ids), classes_of_pixels, 0)
    things = np.where(instance > 0, semantic, 0)
    merged = fill_with_stuff(things, stuff, min_stuff)
    return merged, instance, None if given_scores is None else scores[counted].tolist()
