"""DeepLabv2: atrous convolution, and classifiers at several rates whose scores are summed.

Chen, Papandreou, Kokkinos, Murphy, Yuille, PAMI 2018, https://arxiv.org/abs/1606.00915.

The default is the paper's ResNet-101 at output stride 8, and four 3×3 classifiers at rates 6,
12, 18 and 24 (ASPP-L). With ``backbone: vgg16`` each rate has its own fc6 (3×3), fc7 and fc8,
of 1024 channels, on VGG-16 whose poolings are 3×3, the last two of stride 1, and whose last
convolutions have rate 2; with ``rates: [12]`` this is DeepLab-LargeFOV, of the paper's 20.5
million parameters.

Departures from the paper: batch normalisation is trained (theirs is frozen); one image scale
(theirs fuses three); the average pooling before fc6 of the released LargeFOV, which the paper
does not mention, is left out; scores are enlarged within the network, for training too, and
for any image size (`septum.networks.dilated`). Refinement by a CRF is apart:
`septum.inference.crf`.

A rate that is no smaller than the feature map (patch size / output stride) leaves of a 3×3
kernel its centre: on small patches give smaller ``rates``.
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
    """Scores at several rates, summed, on a dilated ResNet or VGG-16.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    backbone : str
        "vgg16", "vgg16_bn", "resnet18", "resnet34", "resnet50" or "resnet101".
    width : float
        Factor on all numbers of channels.
    output_stride : int
        Pixels of the image per pixel of the last features: 8 or 16.
    rates : sequence of int
        Of the atrous classifiers, in pixels of the last features.
    dropout : float
        Rate after fc6 and fc7 (VGG-16 only), in training.
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
    """Return VGG-16 as DeepLab has it.

    Poolings are 3×3, centred on every second pixel (as the strided convolutions of a ResNet
    are); the last, and at output stride 8 the one before it too, have stride 1, after which
    the 3×3 convolutions have rate 2. Weights and their names stay VGG-16's.
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
