"""Mask R-CNN and Faster R-CNN: networks that detect single objects.

He, Gkioxari, Dollár, Girshick, "Mask R-CNN", ICCV 2017, https://arxiv.org/abs/1703.06870, on a
feature pyramid (Lin et al. 2017, https://arxiv.org/abs/1612.03144); without masks it is Faster
R-CNN (Ren et al. 2015, https://arxiv.org/abs/1506.01497). With the defaults, three channels and
90 classes 44,401,393 parameters, normalisation layers not counted (they are frozen in the paper).

The code is the same for 2-D and 3-D. Departures from the papers:

- Sizes of anchors and the number of levels are derived from the objects of the data
  (``anchor_sizes``); for small objects the backbone has no max pooling.
- Images are not resized. The number of detections is not limited, and the numbers of proposals
  and masks that a step samples grow with the image.
- Normalisation layers are trained.
- In 3-D there are fewer bins, and the IoU of a match is lower.
- The features of a box are pooled from the level whose anchors are nearest to its size, including
  the coarsest level. With the published anchors this is one level coarser than in the FPN paper
  (two for some sizes), whose rule is based on 224 pixels, the size of ImageNet's pictures, which
  has no meaning for cells (`septum.networks.detection.heads`).
- Anchors are clipped to the image before they are matched; the paper leaves out anchors that cross
  its border. The border of a patch cuts many objects, whose boxes end there
  (`septum.networks.detection.matching`).
- Departures of the proposals are listed in `septum.networks.detection.rpn`.
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
"""Sizes of the published anchors in pixels, which are made for photographs."""
BOX_CODE_WEIGHTS = (10.0, 5.0)
"""Factors on shifts and logarithms of a class's box (`septum.networks.detection.boxes`)."""
MIN_IOU_OBJECT = {2: 0.5, 3: 0.35}
"""IoU from which a proposal is an object. In 3-D it is 0.5^(3/2), that of boxes with the same
shift."""
PROPOSALS_PER_STEP, OBJECT_SHARE, MASKS_PER_STEP = (128, 512), 0.5, (16, 128)
"""Number of proposals that a step samples for each 128 pixels to the axis, and at most (as in the
paper) for an image; largest share of objects among them; numbers, in the same way, of objects
whose masks are trained, which take most of a step's time."""
BOX_BINS = {2: 7, 3: 5}
"""Bins of the pooled features along each axis, by the number of axes."""
MASK_BINS = {2: 14, 3: 7}
"""Bins of the features of a mask, which has twice as many. There are fewer in 3-D, where 14³ bins
would take most of the time of a training."""
MIN_SCORE = 0.05
"""Smallest score of a detected object."""
MAX_IOU_SAME_CLASS = MIN_IOU_OBJECT
"""IoU above which the box of a class with the lower score is dropped."""


class FasterRCNN(Network):
    """Faster R-CNN on a feature pyramid, which predicts boxes and classes.

    Ren, He, Girshick, Sun 2015, https://arxiv.org/abs/1506.01497.

    Parameters
    ----------
    spatial_dims, in_channels : int
    out_channels : int
        Number of classes, including background.
    backbone : str
        "resnet18", "resnet34", "resnet50" or "resnet101".
    width : float
        Factor on all numbers of channels.
    anchor_sizes : tuple of float
        Side of the anchors of each level of the pyramid in pixels, the finest level first. In a
        training the default is derived from the objects of the data (`options_for`), otherwise
        it is the published sizes.
    first_level : int
        The finest level (1 to 5), whose features are 2 ** first_level pixels apart. At 1 the
        backbone has no max pooling, so that each of its stages has twice the resolution.
    ratios : tuple of float
        Shapes of the anchors (`septum.networks.detection.anchors`).
    proportions : tuple of float
        Extent of the anchors along each axis, in units of their size. In a training the default
        is that of a ball in pixels of the data, otherwise 1.
    norm : str
        Normalisation of the backbone: "batch", "instance" or "group".
    """

    detects = True
    whole_backbone = False  # whether the pyramid has all stages, even those without anchors

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
        self._min_features = 2  # statistics of a normalisation need more than one pixel
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
        """Add the heads of a subclass beside those of boxes and classes; called by the class."""

    @classmethod
    def options_for(
        cls, diameters: Mapping[str, float], spacing: Sequence[float]
    ) -> dict[str, object]:
        """Return anchors an octave apart, from the 5th to the 95th percentile of the diameters.

        The anchors have the proportions of a ball in physical space. On the finest level,
        features are about a quarter of the smallest object apart, along the axis where it has
        the fewest pixels; this is level 1 for most cells.
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
        """Return this network as a `septum.networks.segmenter.Segmenter`.

        The weights ``of_maps`` are for losses of networks with maps, and are ignored.
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
            Features of the images.
        size : sequence of int
            Size of the images.
        truths : sequence of DetectionTargets
        """
        pyramid = pyramid[: len(self.strides)]
        proposed = self.rpn(pyramid, size, truths)
        boxes, matches, counts = [], [], []
        area = math.prod(size) / 128 ** len(size)
        n_proposals, n_masks = (
            min(most, round(n * max(1.0, area))) for n, most in (PROPOSALS_PER_STEP, MASKS_PER_STEP)
        )
        min_iou = MIN_IOU_OBJECT[self.spatial_dims]
        for proposals, true in zip(proposed.boxes, truths, strict=True):
            # true boxes are added to the proposals, which hold no objects in the first steps
            proposals = torch.cat([true.boxes, proposals])
            areas = {"inside": true.inside, "void": true.void}
            index = match(proposals, true.boxes, above=min_iou, below=min_iou, **areas)
            positive, negative = sample(index, n_proposals, OBJECT_SHARE)
            sampled = torch.cat([positive, negative])
            boxes.append(proposals[sampled])
            matches.append(index[sampled])
            counts.append(min(len(positive), n_masks))  # the first ones, in random order
        outputs = self.box_head(self._pool(pyramid, boxes, BOX_BINS))
        losses = {
            **proposed.losses,
            **box_losses(*outputs, boxes, matches, truths, BOX_CODE_WEIGHTS),
        }
        if self.mask_head is not None:
            boxes = [box[:count] for box, count in zip(boxes, counts, strict=True)]
            matches = [index[:count] for index, count in zip(matches, counts, strict=True)]
            logits = self.mask_head(self._pool(pyramid, boxes, MASK_BINS)).float()
            losses["mask"] = mask_loss(logits, boxes, matches, truths)
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
        """Return the objects of each image of a batch, from its features."""
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
            # in pieces, since thousands of objects at once would take gigabytes
            masks = [self.mask_head(piece).float().sigmoid() for piece in pooled.split(256)]
            masks = torch.cat(masks) if masks else self.mask_head(pooled)
            labels = torch.cat([d.labels for d in detected])
            own_class_masks = masks[torch.arange(len(labels), device=labels.device), labels]
            counts = [len(d.boxes) for d in detected]
            for of_image, mask in zip(detected, own_class_masks.split(counts), strict=True):
                of_image.masks = mask
        return detected

    def _select(
        self, proposals: Tensor, scores: Tensor, codes: Tensor, size: Sequence[int]
    ) -> DetectedObjects:
        """Return the boxes of an image with scores above `MIN_SCORE`, after suppression."""
        boxes, labels, chances = [], [], []
        for label in range(1, 1 + self.n_classes):
            likely = torch.nonzero(scores[:, label] > MIN_SCORE).flatten()
            box = clip(decode(codes[likely, label], proposals[likely], BOX_CODE_WEIGHTS), size)
            is_large_enough = (extents(box) >= 1).all(dim=1)
            boxes.append(box[is_large_enough])
            chances.append(scores[likely, label][is_large_enough])
            labels.append(torch.full_like(likely[is_large_enough], label))
        boxes, chances, labels = torch.cat(boxes), torch.cat(chances), torch.cat(labels)
        selected = nms(boxes, chances, MAX_IOU_SAME_CLASS[self.spatial_dims], labels)
        return DetectedObjects(boxes[selected], chances[selected], labels[selected], None)

    def _pool(
        self, pyramid: Sequence[Tensor], boxes: Sequence[Tensor], bins: Mapping[int, int]
    ) -> Tensor:
        return pool(pyramid, boxes, bins[self.spatial_dims], strides=self.strides, sizes=self.sizes)


class MaskRCNN(FasterRCNN):
    """Mask R-CNN, which adds masks to Faster R-CNN (parameters as in `FasterRCNN`)."""

    def add_heads(self, channels: int) -> None:
        """Add the mask head."""
        self.mask_head = MaskHead(self.spatial_dims, channels, channels, self.n_classes)
