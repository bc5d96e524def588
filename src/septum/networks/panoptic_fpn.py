"""Panoptic FPN: one feature pyramid for the classes of pixels and for single objects.

Kirillov, Girshick, He, Dollár, "Panoptic Feature Pyramid Networks", CVPR 2019,
https://arxiv.org/abs/1901.02446. Mask R-CNN and a light branch for semantic segmentation on its
pyramid. Published for 80 things and 53 classes of stuff with 45,973,990 parameters (detectron2,
ResNet-50, frozen normalisation layers not counted), which the defaults have but for the outputs
that are named below.

Departures: those of `septum.networks.mask_rcnn`; the branch has an output for each class, where
the paper has one for all things together; as in Mask R-CNN's table of parameters, background has
a box and a mask, too; normalisation of the branch has gcd(8, channels) groups. Features and
logits are enlarged with feature i on pixel i · stride, where the convolutions and poolings of this
backbone put it, and the last value is held to the border; the released code interpolates with
borders aligned, which would shift the map by half a stride (`septum.networks.dilated.enlarge`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from septum.networks.blocks import conv, initialise
from septum.networks.detector import PanopticDetector
from septum.networks.dilated import conv_norm_relu, enlarge
from septum.networks.mask_rcnn import MaskRCNN


class PanopticFPN(MaskRCNN):
    """Objects with masks, and a map of classes (parameters: see `FasterRCNN`)."""

    whole_backbone = True  # the classes of pixels need to see far, however small the objects are

    def add_heads(self, channels: int) -> None:
        """Add the mask head and the semantic branch, on all levels that are not pooled."""
        super().add_heads(channels)
        strides = [self.strides[0] * 2**number for number in range(len(self._stages))]
        outputs = 1 + self.n_classes
        self.semantic_branch = SemanticBranch(self.spatial_dims, channels, outputs, strides)

    def detector(self, *, cross_entropy: float = 1.0, dice: float = 0.0) -> PanopticDetector:
        """Return this network under the contract of all architectures.

        Parameters
        ----------
        cross_entropy, dice : float
            Weights of the semantic branch's losses beside those of the objects.
        """
        return PanopticDetector(self, cross_entropy=cross_entropy, dice=dice)

    def semantic(self, pyramid: Sequence[Tensor], size: Sequence[int]) -> Tensor:
        """Return logits (N, 1 + classes, *size) of the classes of pixels.

        Parameters
        ----------
        pyramid : sequence of Tensor
            As `pyramid` returns it.
        size : sequence of int
            Of the images.
        """
        return self.semantic_branch(pyramid[: len(self._stages)], size)


class SemanticBranch(nn.Module):
    """Every level brought to the finest by steps of convolution and doubling, and added up.

    Parameters
    ----------
    spatial_dims, channels, out_channels : int
    strides : sequence of int
        Pixels a feature of each level, each twice the one before.
    """

    def __init__(
        self, spatial_dims: int, channels: int, out_channels: int, strides: Sequence[int]
    ) -> None:
        super().__init__()
        self.stride = strides[0]
        hidden = channels // 2
        self.levels = nn.ModuleList()
        for stride in strides:
            doublings = round(math.log2(stride / self.stride))
            steps = [
                conv_norm_relu(spatial_dims, hidden if n else channels, hidden, norm="group")
                for n in range(max(1, doublings))
            ]
            self.levels.append(nn.ModuleList(steps))
        self.predictor = conv(spatial_dims, hidden, out_channels, kernel=1)
        initialise(self)

    def forward(self, pyramid: Sequence[Tensor], size: Sequence[int]) -> Tensor:
        """Return logits (N, out_channels, *size)."""
        total = None
        for level, steps in enumerate(self.levels):
            features = pyramid[level]
            for n, step in enumerate(steps, start=1):
                features = step(features)
                if level:
                    features = enlarge(features, 2, pyramid[level - n].shape[2:])
            total = features if total is None else total + features
        return enlarge(self.predictor(total), self.stride, size)
