"""Losses of what is said of proposals: their class, their box, their mask.

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
"""Where the box loss turns from squared to absolute."""


def box_losses(
    logits: Tensor,
    codes: Tensor,
    boxes: Sequence[Tensor],
    which: Sequence[Tensor],
    truths: Sequence[DetectionTargets],
    code_weights: tuple[float, float],
) -> dict[str, Tensor]:
    """Return ``class`` (cross-entropy) and ``box`` (smooth absolute error), means over proposals.

    Parameters
    ----------
    logits : (n, 1 + classes) float32 Tensor
        Of the proposals of all images, one image after the other.
    codes : (n, 1 + classes, 2 * axes) float32 Tensor
        The box that each class would have, relative to the proposal.
    boxes : sequence of (n, 2 * axes) Tensor
        The proposals of each image.
    which : sequence of (n,) int64 Tensor
        The object that each is, as `septum.networks.detection.matching.match` says it.
    truths : sequence of DetectionTargets
    code_weights : (float, float)
        As in `septum.networks.detection.boxes.encode`.
    """
    labels, true_codes = [], []
    for box, index, true in zip(boxes, which, truths, strict=True):
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
    which: Sequence[Tensor],
    truths: Sequence[DetectionTargets],
) -> Tensor:
    """Return the cross-entropy of the true class's mask, the mean over the known bins.

    Parameters
    ----------
    logits : (n, 1 + classes, *bins) float32 Tensor
        Of proposals that are objects, one image after the other; as many bins along each axis.
    boxes, which, truths : sequence
        As in `box_losses`.
    """
    labels = torch.cat([true.labels[index] for true, index in zip(truths, which, strict=True)])
    targets = torch.cat(
        [
            mask_targets(true, box, index, logits.shape[-1])
            for true, box, index in zip(truths, boxes, which, strict=True)
        ]
    )
    own = logits[torch.arange(len(labels), device=labels.device), labels]
    # an empty batch has a loss of 0, which still reaches every weight
    known = targets != IGNORE
    error = F.binary_cross_entropy_with_logits(own[known], targets[known], reduction="sum")
    return error / known.sum().clamp(min=1)
