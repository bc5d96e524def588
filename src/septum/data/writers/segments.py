"""The objects and the regions of a prediction, each with the mask of its bounding box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from septum.data.store import Prediction


@dataclass(frozen=True)
class Segment:
    """An instance, or all pixels of a class that has none.

    Attributes
    ----------
    number : int
        The instance's id; 0 for the region of a class.
    class_id : int
    mask : (rows, columns) bool array
        Of its bounding box.
    top, left : int
        First row and first column of this box.
    score : float or None
    """

    number: int
    class_id: int
    mask: np.ndarray
    top: int
    left: int
    score: float | None


def segments(prediction: Prediction, *, regions: bool) -> list[Segment]:
    """Return the segments of a prediction of two axes.

    Parameters
    ----------
    prediction : Prediction
    regions : bool
        Whether, after the instances, the pixels of each class that belong to no instance follow.

    Returns
    -------
    list of Segment
        Instances by their id, then regions by their class.
    """
    semantic = np.asarray(prediction.semantic)
    scores = prediction.scores
    listed = []
    if prediction.instance is not None:
        instance = np.asarray(prediction.instance)
        for number, box in enumerate(ndimage.find_objects(instance), start=1):
            if box is None:
                continue
            mask = instance[box] == number
            score = None if scores is None else scores[number - 1]
            class_id = int(semantic[box][mask][0])
            listed.append(Segment(number, class_id, mask, box[0].start, box[1].start, score))
        semantic = np.where(instance > 0, 0, semantic)
    if regions:
        for class_id, box in enumerate(ndimage.find_objects(semantic.astype(np.int64)), start=1):
            if box is not None:
                mask = semantic[box] == class_id
                listed.append(Segment(0, class_id, mask, box[0].start, box[1].start, None))
    return listed
