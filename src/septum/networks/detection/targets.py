"""Training targets of a detector: boxes, classes and masks of the objects of a patch.

They are computed from the instance ids of the patch after augmentation. Objects are clipped to
the patch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from septum.losses.logits import IGNORE

SAMPLES_PER_BIN = 2
"""Sample points of a bin along each axis, at which masks are read."""


@dataclass
class DetectionTargets:
    """The objects of one image.

    Parameters
    ----------
    boxes : (m, 2 * axes) float32 Tensor
    labels : (m,) int64 Tensor
        Class channels, from 1.
    ids : (m,) int64 Tensor
        Ids of the objects in ``instance``.
    instance : (*spatial) int64 Tensor
    inside : (2 * axes,) float32 Tensor
        The part of the patch that is in its case.
    void : (*spatial) bool Tensor
        Pixels of unknown class and pixels outside the case: neither objects nor background.
    """

    boxes: Tensor
    labels: Tensor
    ids: Tensor
    instance: Tensor
    inside: Tensor
    void: Tensor


def detection_targets(instance: Tensor, classes: Tensor) -> DetectionTargets:
    """Return the objects of an image.

    Parameters
    ----------
    instance : (*spatial) Tensor
        Instance ids, 0 for none, -1 outside the case (`septum.stages.train.crop`).
    classes : (*spatial) int64 Tensor
        Class channels, -1 where unknown. The class of an object is that of most of its pixels;
        objects without a known class are left out.
    """
    device, axes = instance.device, instance.ndim
    ids = instance.cpu().numpy().astype(np.int64)
    case = ndimage.find_objects((ids >= 0).astype(np.uint8))
    case_box = _box(case[0]) if case else [0] * (2 * axes)
    ids = np.maximum(ids, 0)
    channel = classes.cpu().numpy()
    # renumbered, since ids may be large and sparse, so that one pass finds all objects
    present, numbered = np.unique(ids, return_inverse=True)
    numbered = numbered.reshape(ids.shape) + (0 if present[0] == 0 else 1)
    present = present[present > 0]
    boxes, labels, kept_ids = [], [], []
    for k, box in enumerate(ndimage.find_objects(numbered), start=1):
        inside = channel[box][numbered[box] == k]
        votes = np.bincount(inside[inside > 0])
        if votes.size:
            boxes.append(_box(box))
            labels.append(int(votes.argmax()))
            kept_ids.append(int(present[k - 1]))
    return DetectionTargets(
        torch.tensor(boxes, dtype=torch.float32, device=device).reshape(-1, 2 * axes),
        torch.tensor(labels, dtype=torch.int64, device=device),
        torch.tensor(kept_ids, dtype=torch.int64, device=device),
        torch.from_numpy(ids).to(device),
        torch.tensor(case_box, dtype=torch.float32, device=device),
        classes == IGNORE,
    )


def _box(region: tuple[slice, ...]) -> list[int]:
    return [s.start for s in region] + [s.stop for s in region]


def mask_targets(true: DetectionTargets, boxes: Tensor, matches: Tensor, bins: int) -> Tensor:
    """Return the share of each bin of a box that its object covers; -1 for bins with void pixels.

    Parameters
    ----------
    true : DetectionTargets
    boxes : (n, 2 * axes) Tensor
        Boxes of proposals, in pixels.
    matches : (n,) int64 Tensor
        Index of the object of each proposal.
    bins : int
        Number of bins along each axis.

    Returns
    -------
    (n, *bins) float32 Tensor
    """
    axes, spatial = true.instance.ndim, true.instance.shape
    steps = (torch.arange(bins * SAMPLES_PER_BIN, device=boxes.device) + 0.5) / (
        bins * SAMPLES_PER_BIN
    )
    index = torch.zeros((len(boxes),) + (1,) * axes, dtype=torch.int64, device=boxes.device)
    for a in range(axes):
        start, stop = boxes[:, a, None], boxes[:, axes + a, None]
        # pixel k covers the interval from k to k + 1
        place = (start + steps * (stop - start)).floor().long().clamp(0, spatial[a] - 1)
        shape = [len(boxes)] + [1] * axes
        shape[1 + a] = bins * SAMPLES_PER_BIN
        index = index * spatial[a] + place.reshape(shape)
    object_id = true.ids[matches].reshape((-1,) + (1,) * axes)
    covered = (true.instance.flatten()[index] == object_id).float()[:, None]
    pooling = torch.nn.functional.avg_pool2d if axes == 2 else torch.nn.functional.avg_pool3d
    share = pooling(covered, SAMPLES_PER_BIN)[:, 0]
    if not true.void.any():
        return share
    unknown = pooling(true.void.flatten()[index].float()[:, None], SAMPLES_PER_BIN)[:, 0]
    return torch.where(unknown > 0, IGNORE, share)
