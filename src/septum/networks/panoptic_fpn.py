"""Panoptic FPN: one feature pyramid for the classes of pixels and for single objects.

Kirillov, Girshick, He, Dollár, "Panoptic Feature Pyramid Networks", CVPR 2019,
https://arxiv.org/abs/1901.02446: Mask R-CNN with a light branch for semantic segmentation on its
pyramid. The published network for 80 things and 53 classes of stuff has 45,973,990 parameters
(detectron2, ResNet-50, frozen normalisation layers not counted); the defaults differ only in the
outputs named below.

Departures from the paper: those of `septum.networks.mask_rcnn`, and the following. The branch has
an output for each class, and not one for all things together. Background has a box and a mask, too,
as in Mask R-CNN's table of parameters. Normalisation of the branch has gcd(8, channels) groups.
When features and logits are enlarged, feature i lies at pixel i · stride, where the convolutions
and poolings of this backbone place it, and the last value is repeated up to the border. The
released code interpolates with aligned borders, which would shift the map by half a stride
(`septum.networks.dilated.enlarge`).
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
    """Mask R-CNN with a map of classes (parameters as in `FasterRCNN`)."""

    whole_backbone = True  # classes of pixels need a large receptive field even for small objects

    def add_heads(self, channels: int) -> None:
        """Add the mask head and the semantic branch, on all levels that are not pooled."""
        super().add_heads(channels)
        strides = [self.strides[0] * 2**number for number in range(len(self._stages))]
        outputs = 1 + self.n_classes
        self.semantic_branch = SemanticBranch(self.spatial_dims, channels, outputs, strides)

    def detector(self, *, cross_entropy: float = 1.0, dice: float = 0.0) -> PanopticDetector:
        """Return this network as a `septum.networks.segmenter.Segmenter`.

        Parameters
        ----------
        cross_entropy, dice : float
            Weights of the losses of the semantic branch, which are added to those of objects.
        """
        return PanopticDetector(self, cross_entropy=cross_entropy, dice=dice)

    def semantic(self, pyramid: Sequence[Tensor], size: Sequence[int]) -> Tensor:
        """Return logits (N, 1 + classes, *size) of the classes of pixels.

        Parameters
        ----------
        pyramid : sequence of Tensor
            Features, from the method `pyramid`.
        size : sequence of int
            Size of the images.
        """
        return self.semantic_branch(pyramid[: len(self._stages)], size)


class SemanticBranch(nn.Module):
    """The sum of all levels, enlarged to the finest by steps of convolution and doubling.

    Parameters
    ----------
    spatial_dims, channels, out_channels : int
    strides : sequence of int
        Pixels a feature of each level, doubling from level to level.
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
