"""Receptive fields, against those worked out by hand."""

from __future__ import annotations

import pytest
from small_networks import Chain
from torch import nn

from septum.networks.blocks import conv
from septum.networks.create import create_network
from septum.networks.docs.receptive_field import receptive_field


@pytest.mark.parametrize(
    ("layers", "field"),
    [
        ([conv(2, 1, 2), conv(2, 2, 1)], 5),
        ([conv(2, 1, 2, dilation=6), conv(2, 2, 1, kernel=1)], 13),
        ([conv(2, 1, 2), nn.InstanceNorm2d(2), conv(2, 2, 1)], 5),
        ([conv(2, 1, 2), nn.GroupNorm(1, 2), conv(2, 2, 1)], 5),
        ([conv(2, 1, 1, kernel=7), nn.AdaptiveAvgPool2d(1), nn.Upsample((1, 4096))], None),
    ],
)
def test_receptive_field_of_known_layers(layers, field):
    assert receptive_field(Chain(*layers)) == field


def test_receptive_field_is_that_of_the_worst_placed_logit():
    # in the middle of four equal pixels a 3×3 kernel sees one pooled value, at their rim two
    network = Chain(nn.MaxPool2d(4), nn.Upsample(scale_factor=4), conv(2, 1, 1), stride=4)
    assert receptive_field(network) == 8


def _unet_field(pixel, depth):
    """Follow an output pixel of a U-Net back to the image, along one axis."""
    first = last = pixel
    for _ in range(depth):  # two convolutions, enlarged from the level below
        first, last = (first - 2) // 2, (last + 2) // 2
    first, last = first - 2, last + 2
    for _ in range(depth):  # pooled, two convolutions
        first, last = 2 * first - 2, 2 * last + 1 + 2
    return last - first + 1


@pytest.mark.parametrize(
    ("name", "depth", "options"),
    [
        ("unet", 1, {"padded": True}),
        ("unet", 3, {"padded": True, "norm": "instance"}),
        ("unet", 4, {}),
        ("unetpp", 2, {}),
    ],
)
def test_receptive_field_of_u_nets(name, depth, options):
    network = create_network(name, 2, 1, 1, width=1, depth=depth, **options)
    assert receptive_field(network) == max(_unet_field(p, depth) for p in range(2**depth))
