"""DeepLabv3: torchvision's parameters, rates, and image-level features."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from atrous import atrous_correlate, scaled_by_norm
from small_networks import count_parameters

from septum.errors import SeptumError
from septum.networks.create import check_options, create_network
from septum.networks.deeplabv3 import ASPP


@pytest.mark.parametrize(
    ("options", "expected"), [({}, 39_638_869), ({"auxiliary": 0.4}, 42_004_074)]
)
def test_parameters_of_v3_are_torchvision_s(options, expected):
    assert count_parameters("deeplabv3", 2, 3, 21, **options) == expected
    assert count_parameters("deeplabv3", 2, 3, 21, output_stride=8, **options) == expected


@pytest.mark.parametrize("name", ["deeplabv3", "deeplabv3plus"])
@pytest.mark.parametrize(
    ("output_stride", "rates", "grid"),
    [(16, [6, 12, 18], [2, 4, 8]), (8, [12, 24, 36], [4, 8, 16])],
)
def test_rates_of_v3(name, output_stride, rates, grid):
    with torch.device("meta"):
        network = create_network(name, 2, 3, 21, output_stride=output_stride)
    assert [branch[0].dilation[0] for branch in network.aspp.branches] == [1, *rates]
    assert [block.conv2.dilation[0] for block in network.backbone.layer4] == grid


def test_image_level_features_are_one_mean_for_all_pixels():
    torch.manual_seed(0)
    aspp = ASPP(2, 4, 6, (1, 2, 3), norm="batch", dropout=0.0).double().eval()
    seen = []
    aspp.project.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    x = torch.randn(2, 4, 5, 7).double()
    with torch.no_grad():
        aspp(x)
    pooled = seen[0][:, 24:]
    assert seen[0].shape == (2, 30, 5, 7)
    assert torch.equal(pooled, pooled[..., :1, :1].expand(2, 6, 5, 7))
    weight = aspp.pool[1][0].weight.detach()[:, :, 0, 0]
    scores = x.mean((2, 3)) @ weight.T
    scores = scores - scores.mean(1, keepdim=True)
    expected = (scores / (scores.square().mean(1, keepdim=True) + 1e-5).sqrt()).clamp(min=0)
    torch.testing.assert_close(pooled[..., 0, 0], expected)


@pytest.mark.parametrize(
    ("name", "options", "messages"),
    [
        ("deeplabv3", {"rates": [6, 12]}, ["options.rates", "[6, 12]"]),
        ("deeplabv3", {"rates": [0, 6, 12]}, ["options.rates", "greater than or equal to 1"]),
        ("deeplabv3", {"output_stride": 32}, ["options.output_stride", "8 or 16"]),
        (
            "deeplabv3plus",
            {"multi_grid": "1,2,4"},
            ["options.multi_grid", "give a list of 3 values"],
        ),
        ("deeplabv2", {"rates": []}, ["options.rates"]),
        ("deeplabv2", {"backbone": "resnet52"}, ["options.backbone", "resnet50"]),
        ("pspnet", {"auxiliary": 1.5}, ["options.auxiliary", "less than or equal to 1"]),
        ("pspnet", {"width": 0}, ["options.width", "greater than or equal to"]),
    ],
)
def test_wrong_options(name, options, messages):
    with pytest.raises(SeptumError) as error:
        create_network(name, 2, 1, 2, **options)
    for message in messages:
        assert message in str(error.value)


def test_lists_stand_for_tuples():
    given = {"rates": [1, 2, 3], "multi_grid": [1, 1, 1], "backbone": "resnet18", "width": 0.125}
    network = create_network("deeplabv3", 2, 1, 2, **check_options("deeplabv3", given))
    assert [branch[0].dilation[0] for branch in network.aspp.branches] == [1, 1, 2, 3]


@pytest.mark.parametrize("size", [(15, 12), (9, 8, 7)])
def test_atrous_convolution_is_one_with_zeros_inserted(size):
    torch.manual_seed(0)
    rates = (2, 3, 18)  # the last is larger than the map: only the centre is left
    aspp = ASPP(len(size), 2, 3, rates, norm="batch", dropout=0.0).double().eval()
    x = np.random.default_rng(0).normal(size=(2, *size))
    for rate, branch in zip(rates, aspp.branches[1:], strict=True):
        with torch.no_grad():
            found = branch(torch.from_numpy(x)[None])[0].numpy()
        kernels = branch[0].weight.detach().numpy()
        expected = np.maximum(scaled_by_norm(atrous_correlate(x, kernels, rate), branch[1]), 0)
        assert expected.std() > 0.01
        np.testing.assert_allclose(found, expected, atol=1e-12)
