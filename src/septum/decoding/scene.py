"""The objects of an image, found one by one by a detector, as label maps."""

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
"""Scores that are tried: a detector is sure of most that it finds."""
OVERLAPS = (0.2, 0.5, 0.8)
"""Shares of an object that better ones may cover, that are tried."""
MASK_THRESHOLDS = {2: (0.5,), 3: (0.5, 0.4, 0.3, 0.2)}
"""Thresholds of masks that are tried, by the number of axes. Where a surface is uncertain, one
half cuts its bulges off: in 3-D a tenth of an object, on the volume of the training itself. In 2-D
next to nothing, and what is tuned there is how wide the validation cases are annotated: on axons
of other animals PQ fell from 0.67 to 0.57."""


@dataclass(frozen=True)
class Scene:
    """The objects that a detector found in an image, and the stuff around them.

    Parameters
    ----------
    detections : list of Detection
        Labels are channels, the classes by ascending id.
    stuff : (*spatial) integer array, optional
        Class of each pixel, were it none of an object's; None of detectors that know no stuff.
    """

    detections: list[Detection]
    stuff: np.ndarray | None = None


class Objects(DecodingMethod):
    """Objects one by one, each pixel to the surest of them.

    ``threshold`` is the score from which on an object counts, ``mask_threshold`` the probability
    above which a pixel belongs to one, ``overlap`` the share of an object that better ones may
    cover (`septum.decoding.objects.to_label_map`).
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
        Of an image of this shape, whose masks were made at the decoder's ``mask_threshold``.
    shape : sequence of int
    classes : mapping of int to ClassSpec
        The foreground classes by their id.
    decoder : Decoder
        Of the method ``objects``.

    Returns
    -------
    semantic : (*shape) uint16 array
    instance : (*shape) uint32 array
        1 … n by falling score.
    scores : list of n float
    """
    ids = np.array([0, *sorted(classes)], np.uint16)
    # a detector has a channel for each class, and has seen no object of stuff
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
