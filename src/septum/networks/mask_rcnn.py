"""Mask R-CNN and Faster R-CNN: a network that finds objects one by one.

He, Gkioxari, Dollár, Girshick, "Mask R-CNN", ICCV 2017, https://arxiv.org/abs/1703.06870, on a
feature pyramid (Lin et al. 2017, https://arxiv.org/abs/1612.03144); without masks it is Faster
R-CNN (Ren et al. 2015, https://arxiv.org/abs/1506.01497). With the defaults, three channels and
90 classes 44,401,393 parameters, normalisation layers not counted (they are frozen in the paper).

In 2-D and 3-D from one code. Departures: sizes of anchors and number of levels follow the
objects of the data (``anchor_sizes``), for small ones the backbone goes without max pooling;
images keep their size; the number of detections has no cap, and those of the proposals and masks
that a step looks at grow with the image; normalisation is trained; in 3-D there are fewer bins,
and lower IoU count as a match. The features of a box are pooled from the level whose anchors are
nearest to its size, the coarsest one included; with the published anchors that is one level
coarser than in the FPN paper (for some sizes two), whose rule takes 224 pixels, the size of an
ImageNet picture, for its measure, which says nothing of cells (`septum.networks.detection.heads`).
Anchors are clipped to the image before they are matched, where the paper leaves out those that
cross its border: in patches many objects are cut by the border, and their boxes end there
(`septum.networks.detection.matching`). For those of the proposals see
`septum.networks.detection.rpn`.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import torch
from monai.networks.blocks.feature_pyramid_network import FeaturePyramidNetwork
from pydantic import Field
from torch import Tensor, nn

from septum.errors import problem
from septum.networks.blocks import Network, initialise
from septum.networks.detection.boxes import clip, decode, extents
from septum.networks.detection.detected_objects import DetectedObjects
from septum.networks.detection.heads import BoxHead, MaskHead, pool
from septum.networks.detection.losses import box_losses, mask_loss
from septum.networks.detection.matching import match, sample
from septum.networks.detection.nms import nms
from septum.networks.detection.rpn import RegionProposals
from septum.networks.detection.targets import DetectionTargets
from septum.networks.detector import Detector
from septum.networks.resnet import ResNet, ResNetNorm
from septum.networks.vgg import Width, scaled

Length = Annotated[float, Field(gt=0, strict=True)]
# not strict: in YAML and in model files a tuple is a list
Sizes = Annotated[tuple[Length, ...], Field(strict=False, min_length=1, max_length=5)]
Ratios = Annotated[tuple[Length, ...], Field(strict=False, min_length=1)]
Proportions = Annotated[tuple[Length, ...], Field(strict=False, min_length=2, max_length=3)]

PUBLISHED_ANCHOR_SIZES = (32.0, 64.0, 128.0, 256.0, 512.0)
"""Sizes of the anchors, made for photographs."""
BOX_CODE_WEIGHTS = (10.0, 5.0)
"""On shifts and logarithms of a class's box."""
MIN_IOU_OBJECT = {2: 0.5, 3: 0.35}
"""IoU from which on a proposal is an object; in 3-D what is as far off has 0.5^(3/2)."""
PROPOSALS_PER_STEP, OBJECT_SHARE, MASKS_PER_STEP = (128, 512), 0.5, (16, 128)
"""Proposals that a step looks at in 128 pixels to the axis, and at most (the paper's number) in an
image of any size; the share that may be objects; of how many objects it looks at the mask, which
takes most of a step's time."""
BOX_BINS = {2: 7, 3: 5}
"""Bins of the pooled features along each axis, by the number of axes."""
MASK_BINS = {2: 14, 3: 7}
"""A mask has twice as many. In 3-D fewer: 14³ bins would take most of a training's time."""
MIN_SCORE = 0.05
"""Of what is reported at all."""
MAX_IOU_SAME_CLASS = MIN_IOU_OBJECT
"""IoU above which the lesser of two boxes of a class is dropped."""


class FasterRCNN(Network):
    """Boxes and classes.

    Ren, He, Girshick, Sun 2015, https://arxiv.org/abs/1506.01497.

    Parameters
    ----------
    spatial_dims, in_channels : int
    out_channels : int
        Background and classes.
    backbone : str
        "resnet18", "resnet34", "resnet50" or "resnet101".
    width : float
        Factor on all numbers of channels.
    anchor_sizes : tuple of float
        Side of the anchors in pixels, one a level of the pyramid, from the finest on. By default
        those of `options_for` the objects of the data; where no data are known, the published.
    first_level : int
        The finest level: features 2 ** first_level pixels apart (1 to 5). At 1 the backbone goes
        without its max pooling, so that each of its stages has twice the resolution.
    ratios : tuple of float
        Shapes of the anchors (`septum.networks.detection.anchors`).
    proportions : tuple of float
        Extent of the anchors along each axis, in units of their size: 1 where it is not given. By
        default that of a ball, in pixels of the data.
    norm : str
        "batch", "instance" or "group", of the backbone.
    """

    detects = True
    whole_backbone = False  # whether the pyramid has all its stages, with or without anchors

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        backbone: Literal["resnet18", "resnet34", "resnet50", "resnet101"] = "resnet50",
        width: Width = 1.0,
        anchor_sizes: Sizes | None = None,
        first_level: Literal[1, 2, 3, 4, 5] = 2,
        ratios: Ratios = (1.0, 2.0),
        proportions: Proportions | None = None,
        norm: ResNetNorm = "batch",
    ) -> None:
        super().__init__()
        proportions = (1.0,) * spatial_dims if proportions is None else proportions
        if len(proportions) != spatial_dims:
            what = f"has {len(proportions)} entries, and the images have {spatial_dims} axes"
            raise problem(
                "options.proportions", what, f"give {spatial_dims} numbers, or leave it out"
            )
        self.spatial_dims, self.n_classes = spatial_dims, out_channels - 1
        anchor_sizes = PUBLISHED_ANCHOR_SIZES if anchor_sizes is None else anchor_sizes
        levels = range(first_level, first_level + len(anchor_sizes))
        self.strides = tuple(2**level for level in levels)
        self.sizes = tuple(anchor_sizes)
        first_stage = min(first_level, 2)
        last_stage = first_stage + 3
        deepest = max(levels[-1], last_stage) if self.whole_backbone else levels[-1]
        built = range(first_level, deepest + 1)
        # levels beyond the last stage are pooled from its features
        self._stages = [level - first_stage for level in built if level <= last_stage]
        self._pooled = sum(level > last_stage for level in built)
        self.stride = 2 ** built[-1]
        self._least = 2  # one pixel is nothing to normalise by
        channels = scaled(256, width)
        self.body = ResNet(
            spatial_dims,
            in_channels,
            layers=int(backbone[6:]),
            width=width,
            norm=norm,
            stages=max(self._stages) + 1,
            max_pool=first_level > 1,
        )
        initialise(self.body)
        self.fpn = FeaturePyramidNetwork(
            spatial_dims, [self.body.channels[s] for s in self._stages], channels
        )
        self.rpn = RegionProposals(
            spatial_dims,
            channels,
            sizes=self.sizes,
            strides=self.strides,
            ratios=ratios,
            proportions=proportions,
        )
        hidden = scaled(1024, width)
        self.box_head = BoxHead(
            spatial_dims, channels, hidden, self.n_classes, BOX_BINS[spatial_dims]
        )
        self.mask_head: nn.Module | None = None
        self.add_heads(channels)

    def add_heads(self, channels: int) -> None:
        """Add what a subclass has beyond boxes and classes, on features of so many channels."""

    @classmethod
    def options_for(
        cls, diameters: Mapping[str, float], spacing: Sequence[float]
    ) -> dict[str, object]:
        """Return anchors an octave apart, from the 5th to the 95th percentile of the diameters.

        They are balls in the space that pixels of this spacing fill. The finest level is that
        whose features are about a quarter of the smallest object apart, along the axis where it
        has the fewest pixels: level 1 for most cells.
        """
        smallest, largest = diameters["5"], diameters["95"]
        count = math.ceil(math.log2(max(largest / smallest, 1)) + 0.5)
        proportions = tuple(round(min(spacing) / step, 3) for step in spacing)
        fewest = smallest * min(proportions)
        options: dict[str, object] = {
            "first_level": min(5, max(1, math.floor(math.log2(fewest / 4)))),
            "anchor_sizes": tuple(round(smallest * 2**n, 1) for n in range(min(count, 5))),
        }
        if min(proportions) < 1:
            options["proportions"] = proportions
        return options

    def detector(self, **of_maps: float) -> Detector:
        """Return this network under the contract of all architectures.

        Weights of losses ``of_maps`` are for networks that have maps, and this one has none.
        """
        return Detector(self)

    def pyramid(self, images: Tensor) -> list[Tensor]:
        """Return the features (N, C, *spatial) of all levels, the finest first."""
        stages = self.body(images)
        levels = list(self.fpn(OrderedDict((str(s), stages[s]) for s in self._stages)).values())
        for _ in range(self._pooled):
            levels.append(levels[-1][(..., *[slice(None, None, 2)] * self.spatial_dims)])
        return levels

    def losses(
        self, pyramid: Sequence[Tensor], size: Sequence[int], truths: Sequence[DetectionTargets]
    ) -> dict[str, Tensor]:
        """Return the losses of a batch: ``rpn_object``, ``rpn_box``, ``class``, ``box``, ``mask``.

        Parameters
        ----------
        pyramid : sequence of Tensor
            The features of the images.
        size : sequence of int
            Of the images.
        truths : sequence of DetectionTargets
        """
        pyramid = pyramid[: len(self.strides)]
        proposed = self.rpn(pyramid, size, truths)
        boxes, which, counts = [], [], []
        area = math.prod(size) / 128 ** len(size)
        n_proposals, n_masks = (
            min(most, round(n * max(1.0, area))) for n, most in (PROPOSALS_PER_STEP, MASKS_PER_STEP)
        )
        min_iou = MIN_IOU_OBJECT[self.spatial_dims]
        for proposals, true in zip(proposed.boxes, truths, strict=True):
            # the true boxes are proposals too: else the first steps would have no objects
            proposals = torch.cat([true.boxes, proposals])
            known = {"inside": true.inside, "void": true.void}
            index = match(proposals, true.boxes, above=min_iou, below=min_iou, **known)
            positive, negative = sample(index, n_proposals, OBJECT_SHARE)
            chosen = torch.cat([positive, negative])
            boxes.append(proposals[chosen])
            which.append(index[chosen])
            counts.append(min(len(positive), n_masks))  # drawn at random: the first are any
        outputs = self.box_head(self._pool(pyramid, boxes, BOX_BINS))
        losses = {**proposed.losses, **box_losses(*outputs, boxes, which, truths, BOX_CODE_WEIGHTS)}
        if self.mask_head is not None:
            boxes = [box[:count] for box, count in zip(boxes, counts, strict=True)]
            which = [index[:count] for index, count in zip(which, counts, strict=True)]
            logits = self.mask_head(self._pool(pyramid, boxes, MASK_BINS)).float()
            losses["mask"] = mask_loss(logits, boxes, which, truths)
        return losses

    @torch.no_grad()
    def detect(self, images: Tensor) -> list[DetectedObjects]:
        """Return the objects of each image.

        Parameters
        ----------
        images : (N, C, *size) Tensor
        """
        return self.detect_in(self.pyramid(images), images.shape[2:])

    @torch.no_grad()
    def detect_in(self, pyramid: Sequence[Tensor], size: Sequence[int]) -> list[DetectedObjects]:
        """Return the objects that these features of a batch hold."""
        pyramid = pyramid[: len(self.strides)]
        proposals = self.rpn(pyramid, size).boxes
        logits, codes = self.box_head(self._pool(pyramid, proposals, BOX_BINS))
        counts = [len(p) for p in proposals]
        detected = [
            self._select(p, s, c, size)
            for p, s, c in zip(
                proposals, logits.softmax(1).split(counts), codes.split(counts), strict=True
            )
        ]
        if self.mask_head is not None:
            pooled = self._pool(pyramid, [d.boxes for d in detected], MASK_BINS)
            # in pieces: thousands of objects would take gigabytes at once
            masks = [self.mask_head(part).float().sigmoid() for part in pooled.split(256)]
            masks = torch.cat(masks) if masks else self.mask_head(pooled)
            labels = torch.cat([d.labels for d in detected])
            own = masks[torch.arange(len(labels), device=labels.device), labels]
            counts = [len(d.boxes) for d in detected]
            for of_image, mask in zip(detected, own.split(counts), strict=True):
                of_image.masks = mask
        return detected

    def _select(
        self, proposals: Tensor, scores: Tensor, codes: Tensor, size: Sequence[int]
    ) -> DetectedObjects:
        """Return the boxes of an image whose class is likely, without near-duplicates."""
        boxes, labels, chances = [], [], []
        for label in range(1, 1 + self.n_classes):
            likely = torch.nonzero(scores[:, label] > MIN_SCORE).flatten()
            box = clip(decode(codes[likely, label], proposals[likely], BOX_CODE_WEIGHTS), size)
            whole = (extents(box) >= 1).all(dim=1)
            boxes.append(box[whole])
            chances.append(scores[likely, label][whole])
            labels.append(torch.full_like(likely[whole], label))
        boxes, chances, labels = torch.cat(boxes), torch.cat(chances), torch.cat(labels)
        kept = nms(boxes, chances, MAX_IOU_SAME_CLASS[self.spatial_dims], labels)
        return DetectedObjects(boxes[kept], chances[kept], labels[kept], None)

    def _pool(
        self, pyramid: Sequence[Tensor], boxes: Sequence[Tensor], bins: Mapping[int, int]
    ) -> Tensor:
        return pool(pyramid, boxes, bins[self.spatial_dims], strides=self.strides, sizes=self.sizes)


class MaskRCNN(FasterRCNN):
    """Boxes, classes and masks (parameters: see `FasterRCNN`)."""

    def add_heads(self, channels: int) -> None:
        """Add the mask head."""
        self.mask_head = MaskHead(self.spatial_dims, channels, channels, self.n_classes)
