"""MedNeXt: a U-Net of ConvNeXt blocks (depthwise convolution, expansion, compression), from MONAI.

Roy, Koehler, Ulrich, Baumgartner, Petersen, Isensee, Jaeger, Maier-Hein, MICCAI 2023,
https://arxiv.org/abs/2303.09975.

``variant`` names the paper's four sizes (table 1): blocks a level and expansion ratios. The
defaults are MedNeXt-B with kernels of 3. Blocks are residual, normalised over each channel of
each image; logits are trained at all five resolutions.

Departures from the paper: MONAI expands by the ratio of the level that a downsampling block
leaves, the paper's code by that of the level it enters. Logits of lower resolutions are
enlarged to the image's size and compared with the labels there. Kernels of 5 are trained from
the start, not from the enlarged kernels of 3 (UpKern).
"""

from __future__ import annotations

from typing import Annotated, Literal

from monai.networks import nets
from pydantic import Field
from torch import Tensor
from torch.nn.functional import interpolate

from septum.networks.blocks import Network, halving_weights

# per variant: blocks of the four levels and of the lowest, expansion ratios of the same; the
# way up mirrors the way down
VARIANTS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "S": ((2, 2, 2, 2, 2), (2, 2, 2, 2, 2)),
    "B": ((2, 2, 2, 2, 2), (2, 3, 4, 4, 4)),
    "M": ((3, 4, 4, 4, 4), (2, 3, 4, 4, 4)),
    "L": ((3, 4, 8, 8, 8), (3, 4, 8, 8, 8)),
}


class MedNeXt(Network):
    """MedNeXt, padded.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    variant : str
        "S", "B", "M" or "L", by the number of blocks and how wide they expand.
    width : int
        Channels of the first level; each level below has twice as many.
    kernel : int
        Extent of the depthwise kernels: 3, 5 or 7.
    deep_supervision : bool
        Train logits at every resolution.
    """

    stride = 16
    _min_features = 2  # statistics of a normalisation need more than one pixel

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
        """Return the logits of each resolution, enlarged to the image's size.

        Each weighs half as much as the one above it; the weights sum to 1.
        """
        first, *lower = self._all_logits(images)
        return halving_weights([first, *(interpolate(each, first.shape[2:]) for each in lower)])

    def _all_logits(self, images: Tensor) -> list[Tensor]:
        self.require_legal(images)
        logits = self.net(images)
        # the library returns a tuple in training mode with deep supervision, else a tensor
        return list(logits) if isinstance(logits, tuple) else [logits]
