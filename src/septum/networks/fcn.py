"""Fully convolutional networks: FCN-32s, FCN-16s and FCN-8s.

Long, Shelhamer, Darrell, CVPR 2015, https://arxiv.org/abs/1411.4038; Shelhamer, Long, Darrell,
PAMI 2017, https://arxiv.org/abs/1605.06211.

VGG-16 whose fully connected layers are convolutions (fc6: 7×7, fc7: 1×1, 4096 channels, dropout
0.5), classes scored by 1×1 convolutions that start at zero, scores enlarged by transposed
convolutions that start as bilinear interpolation and are learned. FCN-16s adds scores of the
fourth pooling, FCN-8s also of the third. Layers are named as in the authors' net.py, so that
each network can start from the one before (`septum.networks.pretrained.transfer`);
``at_once=True`` is the authors' way to train FCN-8s without these stages. FCN-8s has 134,489,759
parameters for three channels and 21 classes.

Departures from the paper: the last enlargement is learned, too, where theirs stays bilinear. The
authors pad the image by 100 pixels, so that an unpadded fc6 has something to see, and crop scores
by hand-picked offsets. Here fc6 is padded, as all other convolutions are, and scores are enlarged
about pixel centres, which needs no offset: the same weights and the same alignment, for a sixth of
the arithmetic on a 128² image. The scores' border pixels are repeated outwards before they are
enlarged, where the authors' scores reach further than the image. ``backbone="vgg16_bn"`` (batch
normalisation, to train without published weights) and ``width`` are options the paper has not.
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

# "at once": makes features of the fourth and third pooling as small as those of fc7
AT_ONCE_SCALES = (0.01, 0.0001)


class FCN(Network):
    """What the three networks share; the skips make the difference.

    Parameters
    ----------
    spatial_dims, in_channels, out_channels : int
    backbone : str
        "vgg16" or "vgg16_bn".
    width : float
        Multiplier of all numbers of channels, fc6 and fc7 included.
    dropout : float
        Rate after fc6 and fc7, in training.
    at_once : bool
        Scale the fourth pooling by 0.01 and the third by 0.0001 before they are scored: for
        training without the stages 32s, 16s, 8s. Not for vgg16_bn, which needs no scaling.

    Raises
    ------
    SeptumError
        If ``at_once`` is asked for with vgg16_bn.
    """

    stride = 32
    # layers that double the scores, and that score the pooling to be added: fourth, then third
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
        # 2 pixels at the fifth level, whose batch normalisation needs more than one value
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
        """Return ``size``: any is accepted (with vgg16_bn, any from 17 pixels)."""
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
    """FCN-32s: the scores of VGG-16's last layer, enlarged 32 times (see `FCN`)."""

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
        # without skips there is nothing to scale: no option at_once
        options = {"backbone": backbone, "width": width, "dropout": dropout}
        super().__init__(spatial_dims, in_channels, out_channels, **options)


class FCN16s(FCN):
    """FCN-16s: scores of the fourth pooling added, the sum enlarged 16 times (see `FCN`)."""

    _skips = (("upscore2", "score_pool4"),)


class FCN8s(FCN):
    """FCN-8s: scores of the third pooling added, too, the sum enlarged 8 times (see `FCN`)."""

    _skips = (("upscore2", "score_pool4"), ("upscore_pool4", "score_pool3"))


def scoring(spatial_dims: int, in_channels: int, out_channels: int) -> nn.Module:
    """Return a 1×1 convolution that gives zero.

    A skip that is added to a trained network then changes nothing at first.
    """
    layer = conv(spatial_dims, in_channels, out_channels, kernel=1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Upscore(nn.Module):
    """A transposed convolution, of stride ``factor``, that starts as linear interpolation.

    Kernel ``2 * factor``, no bias; weights between different channels are zero at first, and
    learned as all others are. Coarse pixel i has its centre in the middle of the fine pixels
    ``i * factor`` to ``(i + 1) * factor - 1``, those it was pooled from.

    Parameters
    ----------
    spatial_dims, channels : int
    factor : int
        Even.

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

        ``size`` is that before pooling, which rounded up: what exceeds it is cut off.
        """
        x = F.pad(x, (1, 1) * len(size), mode="replicate")
        start = self.factor // 2  # the outer half of the repeated pixels
        return self._transposed(x)[(..., *(slice(start, start + n) for n in size))]

    def _transposed(self, x: Tensor) -> Tensor:
        """Return the transposed convolution, cropped to where each pixel has all its summands.

        A fine pixel sees two coarse ones along each axis: a convolution of kernel 2 computes
        the ``factor ** dims`` pixels between as so many channels, which are then dealt out. The
        sums are those of torch's layer, which with kernels as large as these is 2 to 10 times
        slower on a CPU, and up to 200 times in bfloat16 on a GPU (3-D, factor 32).
        """
        dims = x.ndim - 2
        coarse, fine = range(2, 2 * dims + 2, 2), range(3, 2 * dims + 2, 2)
        weight = self.weight
        for axis in coarse:
            weight = weight.unflatten(axis, (2, self.factor))
        channels = weight.shape[1]
        # a convolution meets the later coarse pixel last, where the kernel has its first half
        weight = weight.flip(*coarse).permute(1, *fine, 0, *coarse).flatten(0, dims)
        y = getattr(F, f"conv{dims}d")(x, weight).unflatten(1, (channels, *[self.factor] * dims))
        y = y.permute(0, 1, *(axis for d in range(2, dims + 2) for axis in (d + dims, d)))
        for axis in range(2, dims + 2):
            y = y.flatten(axis, axis + 1)
        return y
