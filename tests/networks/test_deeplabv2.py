"""DeepLabv2: parameters by layer, and scores of all rates added up."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from atrous import atrous_correlate
from small_networks import count_parameters

from septum.networks.create import create_network

R50, R101, VGG16 = 23_508_032, 42_500_160, 14_714_688


def test_parameters_of_v2_by_layer():
    assert count_parameters("deeplabv2", 2, 3, 21) == R101 + 4 * (9 * 2048 * 21 + 21)
    branch = (9 * 512 * 1024 + 1024) + (1024 * 1024 + 1024) + (1024 * 21 + 21)
    assert count_parameters("deeplabv2", 2, 3, 21, backbone="vgg16") == VGG16 + 4 * branch
    # DeepLab-LargeFOV: 20.5 million in table 1 of https://arxiv.org/abs/1412.7062
    large = count_parameters("deeplabv2", 2, 3, 21, backbone="vgg16", rates=[12])
    assert large == VGG16 + branch
    assert round(large / 1e6, 1) == 20.5


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_v2_sums_scores_of_all_rates(spatial_dims):
    torch.manual_seed(0)
    rates = [1, 2, 4]
    network = create_network(
        "deeplabv2", spatial_dims, 1, 2, backbone="resnet18", width=1 / 64, rates=rates
    )
    with torch.no_grad():
        for classifier in network.double().classifiers:
            classifier.bias.normal_()
        features = network.eval().backbone(torch.rand(1, 1, *[41] * spatial_dims).double())
        found = network.decode(features)[0].numpy()
    expected = 0
    for rate, classifier in zip(rates, network.classifiers, strict=True):
        weight, bias = (t.detach().numpy() for t in (classifier.weight, classifier.bias))
        expected = expected + atrous_correlate(features[-1][0].numpy(), weight, rate)
        expected = expected + bias.reshape(-1, *[1] * spatial_dims)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_v2_on_vgg_has_rates_and_poolings_of_the_paper():
    with torch.device("meta"):
        network = create_network("deeplabv2", 2, 3, 21, backbone="vgg16")
        coarser = create_network("deeplabv2", 2, 3, 21, backbone="vgg16", output_stride=16)
    convolutions = [m for m in network.backbone.features if hasattr(m, "weight")]
    assert [m.dilation[0] for m in convolutions] == [1] * 10 + [2] * 3
    assert [m.padding[0] for m in convolutions] == [1] * 10 + [2] * 3
    for net, strides in [(network, [2, 2, 2, 1, 1]), (coarser, [2, 2, 2, 2, 1])]:
        pools = [m for m in net.backbone.features if "Pool" in type(m).__name__]
        assert [(m.kernel_size, m.padding) for m in pools] == [(3, 1)] * 5
        assert [m.stride for m in pools] == strides
    assert [branch[0].dilation[0] for branch in network.classifiers] == [6, 12, 18, 24]
    assert network.state_dict()["backbone.features.28.weight"].shape == (512, 512, 3, 3)
