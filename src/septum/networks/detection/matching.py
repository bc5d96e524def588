"""Matching of anchors or proposals with objects, and sampling of them for a training step.

Departure: anchors are clipped to the image before their overlap with objects is taken (``inside``).
Faster R-CNN (section 3.1.3) leaves anchors that cross the border out of training, and its later
implementations compare them without clipping. In patches of microscopy images, the border cuts
many objects, and their boxes end there, so that an unclipped anchor would overlap them too little.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from septum.networks.detection.boxes import iou, part

BACKGROUND = -1
IGNORED = -2


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
    """Match each box with an object, with background, or with neither.

    Faster R-CNN, section 3.1.2 (https://arxiv.org/abs/1506.01497).

    Parameters
    ----------
    boxes : (n, 2 * axes) float tensor
    objects : (m, 2 * axes) float tensor
        The true boxes.
    above : float
        Smallest IoU at which a box is matched with the object that it overlaps most.
    below : float
        IoU under which a box is background; between the two it is ignored.
    best : bool
        Whether boxes that overlap some object more than all others do are matched at any IoU,
        since small objects would otherwise have no match. As in torchvision, such a box is
        matched with the object that the box overlaps most, which may be another one.
    inside : (2 * axes,) float tensor, optional
        The part of the patch that is in the image. Boxes are clipped to it before they are
        compared, since true boxes end there; a box whose centre is outside is not background.
    void : (*spatial) bool tensor, optional
        Pixels of unknown class. A box that lies more than half in them, clipped to the image, is
        not background, since it may hold an object.

    Returns
    -------
    (n,) int64 tensor
        Index of the matched object, `BACKGROUND` or `IGNORED`.
    """
    visible = boxes if inside is None else part(boxes, inside)
    index = torch.full((len(boxes),), BACKGROUND, device=boxes.device)
    if len(objects) and len(boxes):
        overlap = iou(visible, objects)
        highest, most_overlapped = overlap.max(dim=1)
        index = most_overlapped.clone()
        index[highest < above] = IGNORED
        index[highest < below] = BACKGROUND
        if best:
            best_iou = overlap.max(dim=0).values
            # an object that no box overlaps has no best box
            is_best = ((overlap == best_iou) & (best_iou > 0)).any(dim=1)
            index[is_best] = most_overlapped[is_best]
    unknown = torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    if inside is not None:
        unknown |= _beyond(boxes, inside)
    if void is not None and void.any() and len(boxes):
        unknown |= covered_share(visible, void) > 0.5
    return torch.where((index == BACKGROUND) & unknown, IGNORED, index)


def covered_share(boxes: Tensor, mask: Tensor) -> Tensor:
    """Return the share of the pixels of each box that lie in a mask.

    Parameters
    ----------
    boxes : (n, 2 * axes) float tensor
        Boxes, which are rounded to whole pixels, at least one along each axis.
    mask : (*spatial) bool tensor

    Returns
    -------
    (n,) float tensor
    """
    axes = mask.ndim
    sums = torch.nn.functional.pad(mask.double(), (1, 0) * axes)
    for axis in range(axes):
        sums = sums.cumsum(axis)
    # clip boxes to the image
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
    """Return whether the centre of each box lies outside of the box ``inside``."""
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
        Number of boxes to draw; fewer are drawn if there are not as many.
    share : float
        Largest share of objects; the others are background.

    Returns
    -------
    positive, negative : (k,) int64 tensor
        Indices of objects and of background.
    """
    positive = _draw(torch.nonzero(index >= 0).flatten(), int(count * share))
    background = torch.nonzero(index == BACKGROUND).flatten()
    return positive, _draw(background, count - len(positive))


def _draw(indices: Tensor, most: int) -> Tensor:
    # drawn on the CPU, so that the draw is the same on every device
    order = torch.randperm(len(indices))[:most]
    return indices[order.to(indices.device)]
