"""Fully convolutional networks: FCN-32s, FCN-16s and FCN-8s.

Long, Shelhamer, Darrell, CVPR 2015, https://arxiv.org/abs/1411.4038; Shelhamer, Long, Darrell,
PAMI 2017, https://arxiv.org/abs/1605.06211.

The networks are VGG-16 with fully connected layers that are replaced by convolutions (fc6: 7×7,
fc7: 1×1, 4096 channels, dropout 0.5). 1×1 convolutions, initialised with zero, give the scores of
classes, which are upsampled by trained transposed convolutions that are initialised as bilinear
interpolation. FCN-16s adds scores of the fourth pooling, and FCN-8s also of the third. Layers are
named as in the authors' net.py, so that each network can start from the previous one
(`septum.networks.pretrained.transfer`); ``at_once=True`` is the authors' method to train FCN-8s
without these stages. FCN-8s has 134,489,759 parameters for three channels and 21 classes.

Departures from the paper: the last upsampling is trained, too, whereas it stays bilinear in the
paper. The authors pad the image by 100 pixels, since fc6 is not padded, and crop scores by
hand-picked offsets. Here fc6 is padded like all other convolutions, and scores are upsampled
around pixel centres, which needs no offset. Weights and alignment are the same, for a sixth of
the operations on a 128² image. Border pixels of the scores are replicated before upsampling,
whereas the authors' scores extend beyond the image. ``backbone="vgg16_bn"`` (batch normalisation,
to train without published weights) and ``width`` are additional options.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from septum.errors import problem
from septum.networks.blocks import Network, conv, initialise
from septum.networks.vgg import VGG, Width, scaled

Backbone = Literal["vgg16", "vgg16_bn"]
Dropout = Annotated[float, Field(ge=0.0, lt=1.0)]

# scales the features of the fourth and third pooling to the magnitude of those of fc7
AT_ONCE_SCALES = (0.01, 0.0001)


class FCN(Network):
    """The base class of the three networks, which differ in their skip connections.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    backbone : str
        "vgg16" or "vgg16_bn".
    width : float
        Multiplier of all numbers of channels, including those of fc6 and fc7.
    dropout : float
        Rate after fc6 and fc7, in training.
    at_once : bool
        Scale the features of the fourth pooling by 0.01 and those of the third by 0.0001, to
        train without the stages 32s, 16s, 8s. It is not allowed with vgg16_bn, which needs no
        scaling.

    Raises
    ------
    SeptumError
        If ``at_once`` is set with vgg16_bn.
    """

    stride = 32
    # names of the layers that upsample the scores, and of those that give the scores of the
    # fourth and the third pooling
    _skips: tuple[tuple[str, str], ...] = ()

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        backbone: Backbone = "vgg16",
        width: Width = 1.0,
        dropout: Dropout = 0.5,
        at_once: bool = False,
    ) -> None:
        super().__init__()
        norm = backbone == "vgg16_bn"
        if norm and at_once:
            what = "is for vgg16: with vgg16_bn the features of all poolings are equally large"
            raise problem("options.at_once", what, "leave it out: nothing has to be scaled")
        # the fifth level then has 2 pixels, since batch normalisation needs more than one value
        self._least_size = 17 if norm else 1
        self._scales = AT_ONCE_SCALES if at_once else (1.0, 1.0)
        self.backbone = VGG(spatial_dims, in_channels, norm=norm, width=width)
        *_, pool3, pool4, pool5 = self.backbone.channels
        hidden = scaled(4096, width)
        self.fc6 = conv(spatial_dims, pool5, hidden, kernel=7)
        self.fc7 = conv(spatial_dims, hidden, hidden, kernel=1)
        self.dropout = nn.Dropout(dropout)
        initialise(self)
        self.score_fr = scoring(spatial_dims, hidden, out_channels)
        for (double, score), channels in zip(self._skips, (pool4, pool3), strict=False):
            self.add_module(double, Upscore(spatial_dims, out_channels, 2))
            self.add_module(score, scoring(spatial_dims, channels, out_channels))
        finest = self.stride // 2 ** len(self._skips)
        self.upscore = Upscore(spatial_dims, out_channels, finest)

    def legal_size(self, size: Sequence[int]) -> tuple[int, ...]:
        """Return ``size``, with axes of at least 17 pixels for vgg16_bn."""
        return tuple(max(s, self._least_size) for s in size)

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, in_channels, *size)`` to logits ``(N, out_channels, *size)``."""
        self.require_legal(images)
        _, _, pool3, pool4, x = self.backbone(images)
        for layer in (self.fc6, self.fc7):
            x = self.dropout(F.relu(layer(x)))
        x = self.score_fr(x)
        skips = zip(self._skips, (pool4, pool3), self._scales, strict=False)
        for (double, score), pooled, scale in skips:
            x = getattr(self, double)(x, pooled.shape[2:])
            x = x + getattr(self, score)(scale * pooled)
        return self.upscore(x, images.shape[2:])


class FCN32s(FCN):
    """FCN-32s: the scores of the last layer, upsampled by 32 (see `FCN`)."""

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        backbone: Backbone = "vgg16",
        width: Width = 1.0,
        dropout: Dropout = 0.5,
    ) -> None:
        # there is no option at_once, since there are no skip connections to scale
        options = {"backbone": backbone, "width": width, "dropout": dropout}
        super().__init__(spatial_dims, in_channels, out_channels, **options)


class FCN16s(FCN):
    """FCN-16s: FCN-32s with scores of the fourth pooling, upsampled by 16 (see `FCN`)."""

    _skips = (("upscore2", "score_pool4"),)


class FCN8s(FCN):
    """FCN-8s: FCN-16s with scores of the third pooling, upsampled by 8 (see `FCN`)."""

    _skips = (("upscore2", "score_pool4"), ("upscore_pool4", "score_pool3"))


def scoring(spatial_dims: int, in_channels: int, out_channels: int) -> nn.Module:
    """Return a 1×1 convolution that is initialised with zero.

    A skip connection that is added to a trained network then does not change its scores.
    """
    layer = conv(spatial_dims, in_channels, out_channels, kernel=1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Upscore(nn.Module):
    """A transposed convolution of stride ``factor``, initialised as linear interpolation.

    The kernel size is ``2 * factor``, and there is no bias. Weights between different channels
    are initialised with zero, and trained like all others. The centre of the coarse pixel i lies
    in the middle of the fine pixels ``i * factor`` to ``(i + 1) * factor - 1``, which were pooled
    to it.

    Parameters
    ----------
    spatial_dims, channels : int
    factor : int
        An even number.

    Attributes
    ----------
    weight : Parameter, (channels in, channels out, *[2 * factor] * spatial_dims)
    """

    def __init__(self, spatial_dims: int, channels: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        ramp = (torch.arange(2 * factor) + 0.5) / factor
        triangle = torch.minimum(ramp, 2 - ramp)
        kernel = reduce(torch.multiply, torch.meshgrid(*[triangle] * spatial_dims, indexing="ij"))
        weight = torch.zeros(channels, channels, *kernel.shape)
        weight[range(channels), range(channels)] = kernel
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor, size: Sequence[int]) -> Tensor:
        """Map ``(N, channels, *coarse)`` to ``(N, channels, *size)``.

        ``size`` is the size before pooling. Since pooling rounds sizes up, the result is cropped
        to it.
        """
        x = F.pad(x, (1, 1) * len(size), mode="replicate")
        start = self.factor // 2  # crops the outer half of the replicated pixels
        return self._transposed(x)[(..., *(slice(start, start + n) for n in size))]

    def _transposed(self, x: Tensor) -> Tensor:
        """Return the transposed convolution, cropped to the pixels that have all their summands.

        A fine pixel depends on two coarse pixels along each axis. A convolution of kernel size 2
        computes the ``factor ** dims`` fine pixels between them as channels, which are then
        rearranged. The sums are those of torch's layer, which for such large kernels is 2 to 10
        times slower on a CPU, and up to 200 times in bfloat16 on a GPU (3-D, factor 32).
        """
        dims = x.ndim - 2
        coarse, fine = range(2, 2 * dims + 2, 2), range(3, 2 * dims + 2, 2)
        weight = self.weight
        for axis in coarse:
            weight = weight.unflatten(axis, (2, self.factor))
        channels = weight.shape[1]
        # flipped, since the second coarse pixel is multiplied by the first half of the kernel
        weight = weight.flip(*coarse).permute(1, *fine, 0, *coarse).flatten(0, dims)
        y = getattr(F, f"conv{dims}d")(x, weight).unflatten(1, (channels, *[self.factor] * dims))
        y = y.permute(0, 1, *(axis for d in range(2, dims + 2) for axis in (d + dims, d)))
        for axis in range(2, dims + 2):
            y = y.flatten(axis, axis + 1)
        return y
