"""The region proposal network, which proposes boxes of objects from a feature pyramid.

Ren, He, Girshick, Sun, "Faster R-CNN", NeurIPS 2015, https://arxiv.org/abs/1506.01497,
section 3.1; one head for all levels (Lin et al. 2017, https://arxiv.org/abs/1612.03144).

Departures: an anchor is an object from an IoU of 0.5 (paper: 0.7) and background under 0.3,
since anchors of one size for each level, an octave apart, do not overlap roundish objects more.
The number of proposals is limited for each level and 16,384 pixels of the image, not for an image,
which may hold thousands of objects.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from septum.networks.blocks import conv
from septum.networks.detection.anchors import anchors, n_shapes
from septum.networks.detection.boxes import clip, decode, encode, extents
from septum.networks.detection.matching import match, sample
from septum.networks.detection.nms import nms
from septum.networks.detection.targets import DetectionTargets

BOX_CODE_WEIGHTS = (1.0, 1.0)
"""Factors on shifts and logarithms (`septum.networks.detection.boxes`)."""
MIN_IOU_OBJECT, MAX_IOU_BACKGROUND = {2: 0.5, 3: 0.35}, {2: 0.3, 3: 0.2}
"""IoU from which an anchor is an object, and under which it is background, by the number of axes.
In 3-D, boxes with the same shift have a lower IoU."""
ANCHORS_PER_STEP, OBJECT_SHARE = 256, 0.5
"""Number of anchors of an image that a training step samples, and largest share of objects."""
SMOOTH_L1_BETA = 1 / 9
"""Error at which the box loss changes from squared to absolute."""
MAX_PROPOSALS_BEFORE_NMS = 1000
"""Number of proposals of a level that are compared, for each 128² pixels of the image."""
MAX_IOU_SAME_LEVEL = 0.7
"""IoU above which the proposal of a level with the lower score is dropped."""


@dataclass
class Proposals:
    """The proposals of a batch.

    Parameters
    ----------
    boxes : list of (n, 2 * axes) Tensor
        Boxes of each image.
    losses : dict of str to Tensor
        Losses; empty if the true objects are not given.
    """

    boxes: list[Tensor]
    losses: dict[str, Tensor]


class RegionProposals(nn.Module):
    """A 3×3 convolution, and two 1×1 convolutions for objectness and boxes.

    Parameters
    ----------
    spatial_dims : int
    channels : int
        Channels of every level of the pyramid.
    sizes : sequence of float
        Size of the anchors of each level, in pixels.
    strides : sequence of int
        Pixels a feature, of each level.
    ratios, proportions : sequence of float
        Shapes of the anchors (`septum.networks.detection.anchors`).
    """

    def __init__(
        self,
        spatial_dims: int,
        channels: int,
        *,
        sizes: Sequence[float],
        strides: Sequence[int],
        ratios: Sequence[float],
        proportions: Sequence[float],
    ) -> None:
        super().__init__()
        self.sizes, self.strides = tuple(sizes), tuple(strides)
        self.shapes = {"ratios": tuple(ratios), "proportions": tuple(proportions)}
        count = n_shapes(ratios, spatial_dims)
        self.conv = conv(spatial_dims, channels, channels)
        self.cls_logits = conv(spatial_dims, channels, count, kernel=1)
        self.bbox_pred = conv(spatial_dims, channels, count * 2 * spatial_dims, kernel=1)
        for layer in (self.conv, self.cls_logits, self.bbox_pred):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def forward(
        self,
        pyramid: Sequence[Tensor],
        size: Sequence[int],
        truths: Sequence[DetectionTargets] | None = None,
    ) -> Proposals:
        """Return proposals, and the losses if the true objects are given.

        Parameters
        ----------
        pyramid : sequence of (N, C, *spatial) Tensor
            Features of each level.
        size : sequence of int
            Size of the images.
        truths : sequence of DetectionTargets, optional
            True objects of each image.
        """
        logits, codes, places = [], [], []
        for features, stride, extent in zip(pyramid, self.strides, self.sizes, strict=True):
            hidden = F.relu(self.conv(features))
            # features in raster order, all anchors of a feature together, as in anchors()
            logits.append(self.cls_logits(hidden).float().flatten(2).mT.flatten(1))
            code = self.bbox_pred(hidden).float().flatten(2).mT
            codes.append(code.reshape(len(code), -1, 2 * len(size)))
            place = features.shape[2:], stride, extent
            places.append(anchors(*place, **self.shapes, device=features.device))
        boxes = [self._propose(n, logits, codes, places, size) for n in range(len(logits[0]))]
        if truths is None:
            return Proposals(boxes, {})
        outputs = torch.cat(logits, 1), torch.cat(codes, 1)
        return Proposals(boxes, _losses(*outputs, torch.cat(places), truths))

    @torch.no_grad()
    def _propose(
        self,
        image: int,
        logits: Sequence[Tensor],
        codes: Sequence[Tensor],
        places: Sequence[Tensor],
        size: Sequence[int],
    ) -> Tensor:
        """Return the proposals of an image: the best ones of each level after suppression."""
        area = math.prod(size) / 128 ** len(size)
        most = max(1, round(MAX_PROPOSALS_BEFORE_NMS * max(1.0, area)))
        boxes, scores, levels = [], [], []
        for level, (score, code, place) in enumerate(zip(logits, codes, places, strict=True)):
            score, best = score[image].topk(min(most, score.shape[1]))
            inside = clip(decode(code[image][best], place[best], BOX_CODE_WEIGHTS), size)
            is_large_enough = (extents(inside) >= 1).all(dim=1)
            boxes.append(inside[is_large_enough])
            scores.append(score[is_large_enough])
            levels.append(torch.full_like(best[is_large_enough], level))
        boxes, scores = torch.cat(boxes), torch.cat(scores)
        selected = nms(boxes, scores, MAX_IOU_SAME_LEVEL, torch.cat(levels))
        return boxes[selected[:most]]


def _losses(
    logits: Tensor, codes: Tensor, places: Tensor, truths: Sequence[DetectionTargets]
) -> dict[str, Tensor]:
    """Return ``rpn_object`` (cross-entropy) and ``rpn_box`` (smooth absolute error)."""
    objectness, box, count = [], [], 0
    for score, code, true in zip(logits, codes, truths, strict=True):
        axes = true.instance.ndim
        levels = {"above": MIN_IOU_OBJECT[axes], "below": MAX_IOU_BACKGROUND[axes]}
        areas = {"inside": true.inside, "void": true.void}
        index = match(places, true.boxes, **levels, best=True, **areas)
        positive, negative = sample(index, ANCHORS_PER_STEP, OBJECT_SHARE)
        sampled = torch.cat([positive, negative])
        truth = torch.zeros_like(score[sampled])
        truth[: len(positive)] = 1
        objectness.append(
            F.binary_cross_entropy_with_logits(score[sampled], truth, reduction="sum")
        )
        true_code = encode(true.boxes[index[positive]], places[positive], BOX_CODE_WEIGHTS)
        box.append(
            F.smooth_l1_loss(code[positive], true_code, beta=SMOOTH_L1_BETA, reduction="sum")
        )
        count += len(sampled)
    count = max(count, 1)
    return {
        "rpn_object": torch.stack(objectness).sum() / count,
        "rpn_box": torch.stack(box).sum() / count,
    }
