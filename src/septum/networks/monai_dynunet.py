"""DynUNet: the network of nnU-Net, from MONAI.

Isensee, Jaeger, Kohl, Petersen, Maier-Hein, Nature Methods 2021,
https://arxiv.org/abs/1904.08128.

nnU-Net chooses its topology by rules on the data; two of them are options here: ``depth``,
the number of poolings (nnU-Net: until an axis of the patch would be shorter than 4), and
``anisotropy``, for thick slices. While the first axis is sampled at least twice as coarsely as
the others, kernels have extent 1 along it and pooling leaves it alone. As in nnU-Net:
32 channels doubled to at most 512 (2-D) or 320 (3-D), strided convolutions, instance
normalisation, leaky ReLU, logits trained at every resolution but the two lowest.

Departures from the paper: convolutions that feed a normalisation have no bias; logits of lower
resolutions are enlarged to the image's size and compared with the labels there, where nnU-Net
makes the labels smaller. The caps on channels follow ``width``. ``residual`` gives MONAI's
residual blocks, not those of nnU-Net's later residual encoders.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from monai.networks import nets
from pydantic import Field
from torch import Tensor

from septum.networks.blocks import Network, halving_weights

# channels at most, in widths
_MAX_CHANNEL_FACTOR = {2: 16, 3: 10}


class DynUNet(Network):
    """nnU-Net's U-Net, padded.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    width : int
        Channels of the first level; each level below has twice as many, up to 16 widths in
        2-D and 10 in 3-D.
    depth : int
        Number of poolings.
    anisotropy : float
        Pixel size along the first axis, in pixels of the others (slices of 5 mm and pixels of
        1 mm: 5).
    residual : bool
        Residual blocks.
    deep_supervision : bool
        Train logits at every resolution but the two lowest.
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
        # it registers each layer twice, by itself and in the nested skip_layers, which are run
        for twin in ("input_block", "downsamples", "bottleneck", "upsamples"):
            delattr(self.net, twin)
        if self.lower:
            del self.net.deep_supervision_heads
        self.stride = 2**depth
        self._strides = (2 ** max(depth - flat, 0), *[2**depth] * others)

    def legal_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """Return the smallest legal size that holds ``size``.

        Multiples of 2^poolings along each axis; two at least, for the statistics of instance
        normalisation.
        """
        return tuple(max(-(-s // f), 2) * f for s, f in zip(size, self._strides, strict=True))

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, in_channels, *size)`` to logits ``(N, out_channels, *size)``."""
        return self._all_logits(images)[0]

    def training_logits(self, images: Tensor) -> list[tuple[float, Tensor]]:
        """Return the logits of each resolution, enlarged to the image's size.

        Each weighs half as much as the one above it; the weights sum to 1.
        """
        return halving_weights(self._all_logits(images))

    def _all_logits(self, images: Tensor) -> list[Tensor]:
        self.require_legal(images)
        logits = self.net(images)
        # the library would keep the lower logits, and the graph that made them, in the module
        self.net.heads[:] = [torch.empty(0)] * len(self.net.heads)
        # it returns them in training mode only
        return list(logits.unbind(1)) if self.lower and self.training else [logits]


def flat_levels(anisotropy: float) -> int:
    """Return how many levels, from the top, leave the first axis alone (nnU-Net's rule).

    Each of them halves the other axes, until the first is less than twice as coarse.
    """
    levels = 0
    while anisotropy >= 2:
        anisotropy /= 2
        levels += 1
    return levels
