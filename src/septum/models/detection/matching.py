"""Which anchors or proposals are which object, and which of them a training step looks at."""

from __future__ import annotations

import torch
from torch import Tensor

from septum.models.detection.boxes import iou

BACKGROUND = -1
NEITHER = -2


def match(
    boxes: Tensor, objects: Tensor, *, above: float, below: float, best: bool = False
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
        Whether each object also gets the boxes that overlap it most, however little: small
        objects would else have none.

    Returns
    -------
    (n,) int64 tensor
        Index of the object, `BACKGROUND` or `NEITHER`.
    """
    if len(objects) == 0 or len(boxes) == 0:
        return torch.full((len(boxes),), BACKGROUND, device=boxes.device)
    overlap = iou(boxes, objects)
    highest, which = overlap.max(dim=1)
    found = which.clone()
    found[highest < above] = NEITHER
    found[highest < below] = BACKGROUND
    if best:
        most = overlap.max(dim=0).values
        # an object that no box meets has no best one
        rows = ((overlap == most) & (most > 0)).any(dim=1)
        found[rows] = which[rows]
    return found


def sample(found: Tensor, count: int, share: float) -> tuple[Tensor, Tensor]:
    """Draw boxes for a training step, with torch's generator.

    Parameters
    ----------
    found : (n,) int64 tensor
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
    positive = _draw(torch.nonzero(found >= 0).flatten(), int(count * share))
    background = torch.nonzero(found == BACKGROUND).flatten()
    return positive, _draw(background, count - len(positive))


def _draw(indices: Tensor, most: int) -> Tensor:
    # drawn on the CPU: the same on every device
    order = torch.randperm(len(indices))[:most]
    return indices[order.to(indices.device)]
