"""Losses of the class, the box and the mask of proposals.

Girshick, "Fast R-CNN", ICCV 2015, https://arxiv.org/abs/1504.08083, section 2.3, and He et al.,
"Mask R-CNN", ICCV 2017, https://arxiv.org/abs/1703.06870, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from septum.losses.logits import IGNORE
from septum.networks.detection.boxes import encode
from septum.networks.detection.matching import BACKGROUND
from septum.networks.detection.targets import DetectionTargets, mask_targets

SMOOTH_L1_BETA = 1 / 9
"""Error at which the box loss changes from squared to absolute."""


def box_losses(
    logits: Tensor,
    codes: Tensor,
    boxes: Sequence[Tensor],
    matches: Sequence[Tensor],
    truths: Sequence[DetectionTargets],
    code_weights: tuple[float, float],
) -> dict[str, Tensor]:
    """Return ``class`` (cross-entropy) and ``box`` (smooth absolute error), means over proposals.

    Parameters
    ----------
    logits : (n, 1 + classes) float32 Tensor
        Logits of the proposals of all images, in the order of the images.
    codes : (n, 1 + classes, 2 * axes) float32 Tensor
        The encoded box for each class, relative to the proposal.
    boxes : sequence of (n, 2 * axes) Tensor
        The proposals of each image.
    matches : sequence of (n,) int64 Tensor
        The object of each proposal, from `septum.networks.detection.matching.match`.
    truths : sequence of DetectionTargets
    code_weights : (float, float)
        As in `septum.networks.detection.boxes.encode`.
    """
    labels, true_codes = [], []
    for box, index, true in zip(boxes, matches, truths, strict=True):
        label = torch.zeros_like(index)
        is_object = index != BACKGROUND
        label[is_object] = true.labels[index[is_object]]
        labels.append(label)
        true_codes.append(encode(true.boxes[index[is_object]], box[is_object], code_weights))
    label = torch.cat(labels)
    objects = torch.nonzero(label).flatten()
    error = F.smooth_l1_loss(
        codes[objects, label[objects]], torch.cat(true_codes), beta=SMOOTH_L1_BETA, reduction="sum"
    )
    count = max(len(label), 1)
    return {
        "class": F.cross_entropy(logits, label, reduction="sum") / count,
        "box": error / count,
    }


def mask_loss(
    logits: Tensor,
    boxes: Sequence[Tensor],
    matches: Sequence[Tensor],
    truths: Sequence[DetectionTargets],
) -> Tensor:
    """Return the cross-entropy of the true class's mask, as the mean over bins without void.

    Parameters
    ----------
    logits : (n, 1 + classes, *bins) float32 Tensor
        Logits of the proposals that are objects, in the order of the images, with the same
        number of bins along each axis.
    boxes, matches, truths : sequence
        As in `box_losses`.
    """
    labels = torch.cat([true.labels[index] for true, index in zip(truths, matches, strict=True)])
    targets = torch.cat(
        [
            mask_targets(true, box, index, logits.shape[-1])
            for true, box, index in zip(truths, boxes, matches, strict=True)
        ]
    )
    true_class = logits[torch.arange(len(labels), device=labels.device), labels]
    # the loss of an empty batch is 0, and still depends on every weight
    is_known = targets != IGNORE
    error = F.binary_cross_entropy_with_logits(
        true_class[is_known], targets[is_known], reduction="sum"
    )
    return error / is_known.sum().clamp(min=1)
