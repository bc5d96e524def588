"""Heads of a detector, which predict the class, the box and the mask of a proposal.

Fast R-CNN's head of two hidden layers on a pyramid (Girshick, ICCV 2015,
https://arxiv.org/abs/1504.08083; Lin et al. 2017, https://arxiv.org/abs/1612.03144), and Mask
R-CNN's mask head (He et al., ICCV 2017, https://arxiv.org/abs/1703.06870, figure 4, right).

Departure: a box is pooled from the level whose anchors are nearest to its size on a logarithmic
scale. The FPN paper (equation 1) takes the level floor(4 + log2(side / 224)), at most the fifth:
with its own anchors of 32 pixels on the second level, 64 on the third and so on, ours is one level
coarser, for three sizes in ten two. Its 224 pixels are the size of ImageNet's pictures; here the
anchors follow the data, and a box is judged by the features that proposed boxes of its size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from septum.networks.blocks import conv, up_conv
from septum.networks.detection.boxes import extents
from septum.networks.detection.roi_align import roi_align

SAMPLES_PER_BIN = {2: 2, 3: 1}
"""Sample points of a bin along each axis, by the number of axes; in 3-D each reads 8 features."""


def pool(
    pyramid: Sequence[Tensor],
    boxes: Sequence[Tensor],
    bins: int,
    *,
    strides: Sequence[int],
    sizes: Sequence[float],
) -> Tensor:
    """Return the features of boxes, each from the level whose anchors are nearest to its size.

    Parameters
    ----------
    pyramid : sequence of (N, C, *spatial) Tensor
    boxes : sequence of (n, 2 * axes) Tensor
        Boxes of each image of the batch.
    bins : int
        Number of bins along each axis.
    strides, sizes : sequence
        Pixels a feature, and size of the anchors, of each level.

    Returns
    -------
    (total n, C, *bins) Tensor
        Features of the boxes of all images, in order.
    """
    axes = pyramid[0].ndim - 2
    all_boxes = torch.cat(list(boxes))
    images = torch.cat([torch.full((len(b),), i) for i, b in enumerate(boxes)])
    images = images.to(all_boxes.device)
    mean = extents(all_boxes).clamp(min=1).log2().mean(dim=1)  # of the cube with equal volume
    centres = torch.tensor(sizes, device=mean.device).log2()
    level = (mean[:, None] - centres).abs().argmin(dim=1)
    of_boxes = pyramid[0].new_zeros(len(all_boxes), pyramid[0].shape[1], *(bins,) * axes)
    for number, (features, stride) in enumerate(zip(pyramid, strides, strict=True)):
        at_level = torch.nonzero(level == number).flatten()
        # feature i lies in the middle of pixel i * stride, not of the stride pixels it represents
        shifted = all_boxes[at_level] + (stride - 1) / 2
        pooled = roi_align(
            features,
            shifted,
            images[at_level],
            (bins,) * axes,
            scale=1 / stride,
            sampling_ratio=SAMPLES_PER_BIN[axes],
        )
        of_boxes = of_boxes.index_copy(0, at_level, pooled)
    return of_boxes


class BoxHead(nn.Module):
    """Two hidden layers, then the logits of the classes and a box for each class.

    Parameters
    ----------
    spatial_dims, channels, hidden : int
    n_classes : int
        Number of foreground classes.
    bins : int
        Number of bins of the pooled features along each axis.
    """

    def __init__(
        self, spatial_dims: int, channels: int, hidden: int, n_classes: int, bins: int
    ) -> None:
        super().__init__()
        self.fc6 = nn.Linear(channels * bins**spatial_dims, hidden)
        self.fc7 = nn.Linear(hidden, hidden)
        self.cls_score = nn.Linear(hidden, 1 + n_classes)
        self.bbox_pred = nn.Linear(hidden, (1 + n_classes) * 2 * spatial_dims)

    def forward(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (n, 1 + classes) and codes (n, 1 + classes, 2 * axes), float32."""
        hidden = F.relu(self.fc7(F.relu(self.fc6(pooled.flatten(1)))))
        logits = self.cls_score(hidden).float()
        return logits, self.bbox_pred(hidden).float().unflatten(1, (logits.shape[1], -1))


class MaskHead(nn.Sequential):
    """Four 3×3 convolutions, a transposed one that doubles the size, and a mask for each class.

    Parameters
    ----------
    spatial_dims, channels, hidden, n_classes : int
    """

    def __init__(self, spatial_dims: int, channels: int, hidden: int, n_classes: int) -> None:
        layers: list[nn.Module] = []
        for n_in in (channels, hidden, hidden, hidden):
            layers += [conv(spatial_dims, n_in, hidden), nn.ReLU(inplace=True)]
        layers += [up_conv(spatial_dims, hidden, hidden), nn.ReLU(inplace=True)]
        super().__init__(*layers, conv(spatial_dims, hidden, 1 + n_classes, kernel=1))
