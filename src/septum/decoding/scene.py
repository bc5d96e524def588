"""Decoding of the objects that a detector finds in an image to label maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from septum.config.schema import ClassSpec
from septum.decoding.base import DecodingMethod, Tuning
from septum.decoding.objects import MASK_THRESHOLD, Detection, to_label_map
from septum.decoding.panoptic import fill_with_stuff
from septum.decoding.parameters import Decoder

SCORES = tuple(percent / 100 for percent in range(30, 100, 5))
"""Score thresholds that are tried, up to high ones, since most scores of a detector are high."""
OVERLAPS = (0.2, 0.5, 0.8)
"""Largest shares of an object that others may cover that are tried."""
MASK_THRESHOLDS = {2: (0.5,), 3: (0.5, 0.4, 0.3, 0.2)}
"""Mask thresholds that are tried, by the number of axes. Where a surface is uncertain, a threshold
of 0.5 cuts off bulges: in 3-D a tenth of an object, even in the training volume. In 2-D this loss
is negligible, and tuning would fit how generously the validation cases are annotated: PQ on axons
of other animals fell from 0.67 to 0.57."""


@dataclass(frozen=True)
class Scene:
    """The objects that a detector found in an image, and the stuff around them.

    Parameters
    ----------
    detections : list of Detection
        Objects, whose labels are channels (classes by ascending id).
    stuff : (*spatial) integer array, optional
        Most probable class of each pixel among background and stuff; None if the detector does
        not classify pixels.
    """

    detections: list[Detection]
    stuff: np.ndarray | None = None


class Objects(DecodingMethod):
    """Objects of a detector; each pixel belongs to the object with the highest score.

    ``threshold`` is the smallest score of an object, ``mask_threshold`` the probability above
    which a pixel belongs to an object, and ``overlap`` the largest share of an object that objects
    with higher scores may cover (`septum.decoding.objects.to_label_map`).
    """

    @staticmethod
    def tuning(spatial_dims: int) -> dict[str, Tuning]:
        """Return how ``threshold``, ``mask_threshold`` and ``overlap`` are tuned."""
        return {
            "threshold": Tuning(0.5, SCORES),
            "mask_threshold": Tuning(MASK_THRESHOLD, MASK_THRESHOLDS[spatial_dims]),
            "overlap": Tuning(0.5, OVERLAPS),
        }


def decode_scene(
    scene: Scene, shape: Sequence[int], classes: Mapping[int, ClassSpec], decoder: Decoder
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Return the class map, the instance map and the scores of objects.

    Parameters
    ----------
    scene : Scene
        Objects of the image, with masks at the decoder's ``mask_threshold``.
    shape : sequence of int
        Shape of the image.
    classes : mapping of int to ClassSpec
        The foreground classes by their id.
    decoder : Decoder
        A decoder with the method ``objects``.

    Returns
    -------
    semantic : (*shape) uint16 array
    instance : (*shape) uint32 array
        1 … n by falling score.
    scores : list of n float
    """
    ids = np.array([0, *sorted(classes)], np.uint16)
    # a detector has channels for classes of stuff as well, of which it has seen no object
    things = [d for d in scene.detections if classes[int(ids[d.label])].kind == "thing"]
    instance, labels, scores = to_label_map(
        things,
        shape,
        threshold=decoder["threshold"],
        overlap=decoder["overlap"],
        min_size=decoder["min_size"],
    )
    semantic = ids[np.array([0, *labels])][instance]
    if scene.stuff is not None:
        semantic = fill_with_stuff(semantic, scene.stuff, decoder["min_stuff"])
    return semantic, instance, scores
