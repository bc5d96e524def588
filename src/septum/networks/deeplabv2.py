"""DeepLabv2: atrous convolution, and the sum of classifiers at several rates.

Chen, Papandreou, Kokkinos, Murphy, Yuille, PAMI 2018, https://arxiv.org/abs/1606.00915.

The default is the paper's ResNet-101 at output stride 8 with four 3×3 classifiers at rates 6, 12,
18 and 24 (ASPP-L). With ``backbone: vgg16`` each rate has its own fc6 (3×3), fc7 and fc8 with 1024
channels. The poolings of VGG-16 are then 3×3, the last two have stride 1, and the last
convolutions have rate 2. With ``rates: [12]`` this is DeepLab-LargeFOV with the paper's 20.5
million parameters.

Departures from the paper: batch normalisation is trained, whereas it is frozen in the paper.
There is one image scale, whereas the paper fuses three. The average pooling before fc6 of the
released LargeFOV, which the paper does not mention, is left out. Scores are upsampled within the
network, also in training, and to any image size (`septum.networks.dilated`). Refinement by a CRF
is a separate step (`septum.inference.crf`).

If a rate is not smaller than the feature map (patch size / output stride), only the centre of the
3×3 kernel has an effect. Hence small patches need smaller ``rates``.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field
from torch import Tensor, nn

from septum.networks.blocks import conv, initialise
from septum.networks.dilated import BackboneName, DilatedNetwork, Dropout, Rate, residual_encoder
from septum.networks.vgg import VGG, Width, scaled

VGGName = Literal["vgg16", "vgg16_bn"]


class DeepLabV2(DilatedNetwork):
    """DeepLabv2: the sum of scores at several rates, on a dilated ResNet or VGG-16.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    backbone : str
        "vgg16", "vgg16_bn", "resnet18", "resnet34", "resnet50" or "resnet101".
    width : float
        Multiplier of all numbers of channels.
    output_stride : int
        Pixels of the image per pixel of the last features: 8 or 16.
    rates : sequence of int
        Rates of the atrous classifiers, in pixels of the last features.
    dropout : float
        Dropout rate after fc6 and fc7 (VGG-16 only), in training.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        backbone: VGGName | BackboneName = "resnet101",
        width: Width = 1.0,
        output_stride: Literal[8, 16] = 8,
        rates: Annotated[tuple[Rate, ...], Field(strict=False, min_length=1)] = (6, 12, 18, 24),
        dropout: Dropout = 0.5,
    ) -> None:
        make_encoder = atrous_vgg if backbone in get_args(VGGName) else residual_encoder
        encoder = make_encoder(
            backbone, spatial_dims, in_channels, width=width, output_stride=output_stride
        )
        super().__init__(encoder, stride=output_stride)
        last = encoder.channels[-1]
        self.classifiers = nn.ModuleList()
        for rate in rates:
            if isinstance(encoder, VGG):
                hidden = scaled(1024, width)
                classifier: nn.Module = nn.Sequential(
                    conv(spatial_dims, last, hidden, dilation=rate),
                    nn.ReLU(inplace=True),
                    nn.Dropout(dropout),
                    conv(spatial_dims, hidden, hidden, kernel=1),
                    nn.ReLU(inplace=True),
                    nn.Dropout(dropout),
                    conv(spatial_dims, hidden, out_channels, kernel=1),
                )
            else:
                classifier = conv(spatial_dims, last, out_channels, dilation=rate)
            self.classifiers.append(classifier)
        initialise(self)

    def decode(self, features: list[Tensor]) -> Tensor:
        """Map the backbone's features to logits at the output stride."""
        first, *others = (classifier(features[-1]) for classifier in self.classifiers)
        return sum(others, start=first)


def atrous_vgg(
    name: VGGName, spatial_dims: int, in_channels: int, *, width: float, output_stride: int
) -> VGG:
    """Return the VGG-16 of DeepLab.

    Poolings are 3×3, and centred on every second pixel like the strided convolutions of a ResNet.
    The last one, and at output stride 8 the last two, have stride 1. The 3×3 convolutions after
    the fourth pooling have rate 2 at output stride 8. Weights and their names are those of
    VGG-16.
    """
    encoder = VGG(spatial_dims, in_channels, norm=name == "vgg16_bn", width=width)
    strides = (2, 2, 2, output_stride // 8, 1)
    rates = (1, 1, 1, 1, 16 // output_stride)
    for (block, pool), stride, rate in zip(encoder.levels(), strides, rates, strict=True):
        pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode = 3, stride, 1, False
        for layer in block:
            if hasattr(layer, "kernel_size"):
                layer.dilation = layer.padding = (rate,) * spatial_dims
    return encoder
