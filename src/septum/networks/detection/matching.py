"""Which anchors or proposals are which object, and which of them a training step looks at.

Departure: anchors are clipped to the image before their overlap with objects is taken (``inside``).
Faster R-CNN (section 3.1.3) leaves anchors that cross the border out of training, and its later
implementations compare them whole. In patches of microscopy many objects are cut by the border, and
their boxes end there, so that a whole anchor would overlap them too little.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from septum.networks.detection.boxes import iou, part

BACKGROUND = -1
NEITHER = -2


def match(
    boxes: Tensor,
    objects: Tensor,
    *,
    above: float,
    below: float,
    best: bool = False,
    inside: Tensor | None = None,
    void: Tensor | None = None,
) -> Tensor:
    """Return which object each box is.

    Faster R-CNN, section 3.1.2 (https://arxiv.org/abs/1506.01497).

    Parameters
    ----------
    boxes : (n, 2 * axes) float tensor
    objects : (m, 2 * axes) float tensor
        The true boxes.
    above : float
        IoU from which on a box is the object that it overlaps most.
    below : float
        IoU under which a box is background; between the two it is neither.
    best : bool
        Whether the boxes that overlap some object most are objects too, however little they
        overlap it: small ones would else have none. As in torchvision, such a box is the object
        that the box itself overlaps most, which may be another one.
    inside : (2 * axes,) float tensor, optional
        The part of the patch that is in the image. Of boxes the part in it is compared, since
        true boxes end there; one whose middle is beyond is no background.
    void : (*spatial) bool tensor, optional
        Pixels of which nobody knows what they are: a box whose part in the image lies more than
        half in them is no background, for there may well be an object.

    Returns
    -------
    (n,) int64 tensor
        Index of the object, `BACKGROUND` or `NEITHER`.
    """
    seen = boxes if inside is None else part(boxes, inside)
    index = torch.full((len(boxes),), BACKGROUND, device=boxes.device)
    if len(objects) and len(boxes):
        overlap = iou(seen, objects)
        highest, which = overlap.max(dim=1)
        index = which.clone()
        index[highest < above] = NEITHER
        index[highest < below] = BACKGROUND
        if best:
            most = overlap.max(dim=0).values
            # an object that no box meets has no best one
            rows = ((overlap == most) & (most > 0)).any(dim=1)
            index[rows] = which[rows]
    unknown = torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    if inside is not None:
        unknown |= _beyond(boxes, inside)
    if void is not None and void.any() and len(boxes):
        unknown |= covered_share(seen, void) > 0.5
    return torch.where((index == BACKGROUND) & unknown, NEITHER, index)


def covered_share(boxes: Tensor, mask: Tensor) -> Tensor:
    """Return which share of the pixels of each box is in a mask.

    Parameters
    ----------
    boxes : (n, 2 * axes) float tensor
        Rounded to whole pixels, of which there is at least one.
    mask : (*spatial) bool tensor

    Returns
    -------
    (n,) float tensor
    """
    axes = mask.ndim
    sums = torch.nn.functional.pad(mask.double(), (1, 0) * axes)
    for axis in range(axes):
        sums = sums.cumsum(axis)
    # what lies outside of the image is no part of a box
    limits = torch.tensor(mask.shape, device=boxes.device)
    start = boxes[:, :axes].round().long().clamp(min=0)
    start = torch.minimum(start, limits - 1)
    stop = torch.minimum(torch.maximum(boxes[:, axes:].round().long(), start + 1), limits)
    count = torch.zeros(len(boxes), dtype=sums.dtype, device=boxes.device)
    for corner in itertools.product((0, 1), repeat=axes):  # inclusion and exclusion
        at = [(stop if side else start)[:, axis] for axis, side in enumerate(corner)]
        count += (-1) ** (axes - sum(corner)) * sums[tuple(at)]
    return (count / (stop - start).prod(dim=1)).float()


def _beyond(boxes: Tensor, inside: Tensor) -> Tensor:
    """Say whether the middle of each box lies out of another."""
    low, high = inside.chunk(2)
    start, stop = boxes.chunk(2, dim=1)
    middle = (start + stop) / 2
    return ((middle < low) | (middle > high)).any(dim=1)


def sample(index: Tensor, count: int, share: float) -> tuple[Tensor, Tensor]:
    """Draw boxes for a training step, with torch's generator.

    Parameters
    ----------
    index : (n,) int64 tensor
        As `match` returns it.
    count : int
        How many to draw; fewer where there are not as many.
    share : float
        The largest share that may be objects; background fills the rest.

    Returns
    -------
    positive, negative : (k,) int64 tensor
        Indices.
    """
    positive = _draw(torch.nonzero(index >= 0).flatten(), int(count * share))
    background = torch.nonzero(index == BACKGROUND).flatten()
    return positive, _draw(background, count - len(positive))


def _draw(indices: Tensor, most: int) -> Tensor:
    # drawn on the CPU: the same on every device
    order = torch.randperm(len(indices))[:most]
    return indices[order.to(indices.device)]
