"""DynUNet: the network of nnU-Net, from MONAI.

Isensee, Jaeger, Kohl, Petersen, Maier-Hein, Nature Methods 2021,
https://arxiv.org/abs/1904.08128.

nnU-Net derives its topology from the data. Two of its rules are options here: ``depth``, the
number of poolings (in nnU-Net, until an axis of the patch would be shorter than 4), and
``anisotropy``, for thick slices. While the first axis is sampled at least twice as coarsely as
the others, kernels have size 1 along it, and it is not pooled. As in nnU-Net, there are 32
channels that are doubled to at most 512 (2-D) or 320 (3-D), strided convolutions, instance
normalisation, leaky ReLU, and logits that are trained at all resolutions except the two lowest.

Departures from the paper: convolutions before a normalisation have no bias. Logits of lower
resolutions are upsampled to the size of the image to be compared with the labels, whereas nnU-Net
downsamples the labels. The limits of channels are multiples of ``width``. ``residual`` uses
MONAI's residual blocks, not those of nnU-Net's later residual encoders.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from monai.networks import nets
from pydantic import Field
from torch import Tensor

from septum.networks.blocks import Network, halving_weights

# largest number of channels by number of dimensions, as a multiple of the width
_MAX_CHANNEL_FACTOR = {2: 16, 3: 10}


class DynUNet(Network):
    """The U-Net of nnU-Net with padded convolutions.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    width : int
        Channels of the first level; each level below has twice as many, up to 16 times the width
        in 2-D and 10 times in 3-D.
    depth : int
        Number of poolings.
    anisotropy : float
        Pixel size along the first axis relative to the others (5 for slices of 5 mm and pixels
        of 1 mm).
    residual : bool
        Use residual blocks.
    deep_supervision : bool
        Train logits at all resolutions except the two lowest.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        width: Annotated[int, Field(ge=1)] = 32,
        depth: Annotated[int, Field(ge=2, le=8)] = 5,
        anisotropy: Annotated[float, Field(ge=1.0)] = 1.0,
        residual: bool = False,
        deep_supervision: bool = True,
    ) -> None:
        super().__init__()
        flat = flat_levels(anisotropy)
        others = spatial_dims - 1
        kernels = [(1 if level < flat else 3, *[3] * others) for level in range(depth + 1)]
        strides = [(1 if level < flat else 2, *[2] * others) for level in range(depth)]
        widths = [
            width * min(2**level, _MAX_CHANNEL_FACTOR[spatial_dims]) for level in range(depth + 1)
        ]
        self.lower = depth - 2 if deep_supervision else 0
        self.net = nets.DynUNet(
            spatial_dims,
            in_channels,
            out_channels,
            kernel_size=kernels,
            strides=[1, *strides],
            upsample_kernel_size=strides,
            filters=widths,
            deep_supervision=self.lower > 0,
            deep_supr_num=max(self.lower, 1),
            res_block=residual,
        )
        # layers are registered twice, also in the nested skip_layers, which are those that run
        for twin in ("input_block", "downsamples", "bottleneck", "upsamples"):
            delattr(self.net, twin)
        if self.lower:
            del self.net.deep_supervision_heads
        self.stride = 2**depth
        self._strides = (2 ** max(depth - flat, 0), *[2**depth] * others)

    def legal_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """Return the smallest legal size that holds ``size``.

        Legal sizes are multiples of 2^poolings along each axis, at least two of them, since
        statistics of instance normalisation need more than one pixel.
        """
        return tuple(max(-(-s // f), 2) * f for s, f in zip(size, self._strides, strict=True))

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, in_channels, *size)`` to logits ``(N, out_channels, *size)``."""
        return self._all_logits(images)[0]

    def training_logits(self, images: Tensor) -> list[tuple[float, Tensor]]:
        """Return weighted logits of all resolutions, upsampled to the size of the image.

        Weights halve from each resolution to the next lower one, and sum to 1.
        """
        return halving_weights(self._all_logits(images))

    def _all_logits(self, images: Tensor) -> list[Tensor]:
        self.require_legal(images)
        logits = self.net(images)
        # frees the lower logits and their graph, which MONAI would keep in the module
        self.net.heads[:] = [torch.empty(0)] * len(self.net.heads)
        # MONAI returns the lower logits in training mode only
        return list(logits.unbind(1)) if self.lower and self.training else [logits]


def flat_levels(anisotropy: float) -> int:
    """Return the number of levels from the top that do not pool the first axis.

    By nnU-Net's rule, each of them halves the other axes, until the first axis is less than twice
    as coarse as the others.
    """
    levels = 0
    while anisotropy >= 2:
        anisotropy /= 2
        levels += 1
    return levels
