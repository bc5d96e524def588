"""MedNeXt: a U-Net of ConvNeXt blocks (depthwise convolution, expansion, compression), from MONAI.

Roy, Koehler, Ulrich, Baumgartner, Petersen, Isensee, Jaeger, Maier-Hein, MICCAI 2023,
https://arxiv.org/abs/2303.09975.

``variant`` is one of the paper's four sizes (table 1), which differ in the numbers of blocks and
the expansion ratios of levels. The defaults are those of MedNeXt-B with kernels of size 3. Blocks
are residual and normalised over each channel of each image; logits are trained at all five
resolutions.

Departures from the paper: downsampling blocks expand by the ratio of the level above them, as in
MONAI, whereas those of the paper's code expand by the ratio of the level below. Logits of lower
resolutions are upsampled to the size of the image to be compared with the labels. Kernels of size
5 are trained from random weights, not from upsampled kernels of size 3 (UpKern).
"""

from __future__ import annotations

from typing import Annotated, Literal

from monai.networks import nets
from pydantic import Field
from torch import Tensor
from torch.nn.functional import interpolate

from septum.networks.blocks import Network, halving_weights

# numbers of blocks and expansion ratios of the five levels by variant, of which the first four
# hold for the contracting and the expanding path
VARIANTS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "S": ((2, 2, 2, 2, 2), (2, 2, 2, 2, 2)),
    "B": ((2, 2, 2, 2, 2), (2, 3, 4, 4, 4)),
    "M": ((3, 4, 4, 4, 4), (2, 3, 4, 4, 4)),
    "L": ((3, 4, 8, 8, 8), (3, 4, 8, 8, 8)),
}


class MedNeXt(Network):
    """MedNeXt with padded convolutions.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    variant : str
        "S", "B", "M" or "L", which differ in numbers of blocks and expansion ratios.
    width : int
        Channels of the first level; each level below has twice as many.
    kernel : int
        Size of the depthwise kernels: 3, 5 or 7.
    deep_supervision : bool
        Train logits at all resolutions.
    """

    stride = 16
    _min_features = 2  # the statistics of a normalisation need more than one pixel

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        variant: Literal["S", "B", "M", "L"] = "B",
        width: Annotated[int, Field(ge=1)] = 32,
        kernel: Literal[3, 5, 7] = 3,
        deep_supervision: bool = True,
    ) -> None:
        super().__init__()
        (*blocks, lowest), (*ratios, lowest_ratio) = VARIANTS[variant]
        self.net = nets.MedNeXt(
            spatial_dims,
            width,
            in_channels,
            out_channels,
            encoder_expansion_ratio=ratios,
            decoder_expansion_ratio=ratios[::-1],
            bottleneck_expansion_ratio=lowest_ratio,
            kernel_size=kernel,
            deep_supervision=deep_supervision,
            use_residual_connection=True,
            blocks_down=blocks,
            blocks_bottleneck=lowest,
            blocks_up=blocks[::-1],
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, in_channels, *size)`` to logits ``(N, out_channels, *size)``."""
        return self._all_logits(images)[0]

    def training_logits(self, images: Tensor) -> list[tuple[float, Tensor]]:
        """Return weighted logits of all resolutions, upsampled to the size of the image.

        Weights halve from each resolution to the next lower one, and sum to 1.
        """
        first, *lower = self._all_logits(images)
        return halving_weights([first, *(interpolate(each, first.shape[2:]) for each in lower)])

    def _all_logits(self, images: Tensor) -> list[Tensor]:
        self.require_legal(images)
        logits = self.net(images)
        # MONAI returns a tuple in training mode with deep supervision, else a tensor
        return list(logits) if isinstance(logits, tuple) else [logits]
