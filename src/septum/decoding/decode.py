"""Decoding of the output maps of a network to class and instance maps, in any dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from septum.config.schema import ClassSpec
from septum.decoding.base import Maps, method_class
from septum.decoding.panoptic import fill_with_stuff, likeliest_stuff
from septum.decoding.parameters import Decoder
from septum.heads.base import head_class
from septum.instances.relabel import drop_small


def decode(
    probabilities: np.ndarray,
    decoder: Decoder,
    *,
    head: str,
    classes: Mapping[int, ClassSpec],
    annotation: str,
    spacing: Sequence[float] | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the class map and the instance map of predicted probabilities.

    Parameters
    ----------
    probabilities : (K, *spatial) float array
        Channels in the order of the head: background, classes by ascending id, border, and
        regressed maps.
    decoder : Decoder
        A decoding method of the head, and its parameters.
    head : str
        One of `septum.config.registry.HEADS`.
    classes : mapping of int to ClassSpec
        The foreground classes by their id.
    annotation : {"instance", "semantic", "panoptic"}
        With ``semantic``, pixels have the most probable class, there are no instances, and the
        decoder has no effect. With ``instance``, pixels have the class of their instance, or 0.
        With ``panoptic``, other pixels have the most probable class of background and stuff.
    spacing : sequence of float, optional
        Size of a pixel along each axis, as in training; by default 1.

    Returns
    -------
    semantic : (*spatial) uint16 array
        Class ids, 0 background.
    instance : (*spatial) uint32 array or None
        Ids 1 … n, in the raster order of the seeds, 0 elsewhere; None for semantic annotation.

    Raises
    ------
    ValueError
        If the head has another number of channels.

    Examples
    --------
    >>> probabilities = np.array([[0.1, 0.2, 0.9, 0.3], [0.9, 0.8, 0.1, 0.7]])
    >>> decoder = Decoder(method="components", parameters={"threshold": 0.5, "min_size": 2})
    >>> classes = {1: ClassSpec(name="cell")}
    >>> semantic, instance = decode(
    ...     probabilities, decoder, head="semantic", classes=classes, annotation="instance"
    ... )
    >>> semantic, instance  # the ridge is given back; the last pixel is too small an object
    (array([1, 1, 1, 0], dtype=uint16), array([1, 1, 1, 0], dtype=uint32))
    """
    kind = head_class(head)
    n_maps = kind.outputs(len(classes), probabilities.ndim - 1)
    if len(probabilities) != n_maps:
        raise ValueError(f"{len(probabilities)} channels, the {head} head has {n_maps}")
    n_channels = kind.channels(len(classes))
    probabilities, regressed = probabilities[:n_channels], probabilities[n_channels:]
    class_ids = np.array([0, *sorted(classes)], np.uint16)
    if annotation == "semantic":
        return class_ids[np.argmax(probabilities[: len(class_ids)], axis=0)], None
    maps = Maps(
        probabilities,
        regressed.astype(np.float32, copy=False),
        tuple(c for c, i in enumerate(class_ids) if c and classes[int(i)].kind == "thing"),
        kind.has_border,
        spacing,
    )
    labels, channels = method_class(decoder.method).label(maps, decoder.parameters)
    instance, kept_ids = drop_small(labels, decoder["min_size"])
    semantic = class_ids[np.append(0, channels[kept_ids - 1])][instance]
    if annotation == "panoptic":
        stuff = likeliest_stuff(probabilities, classes)
        semantic = fill_with_stuff(semantic, stuff, decoder["min_stuff"])
    return semantic, instance
