"""DeepLab v2, v3, v3+: numbers of parameters, atrous convolution and what is made of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate

from septum.errors import SeptumError
from septum.networks import create as models
from septum.networks.deeplabv3 import ASPP
from septum.networks.dilated import separable_conv_norm_relu

R50, R101, VGG16 = 23_508_032, 42_500_160, 14_714_688


def _parameters(name, **options):
    with torch.device("meta"):
        network = models.create_network(name, 2, 3, 21, **options)
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("options", "expected"), [({}, 39_638_869), ({"auxiliary": 0.4}, 42_004_074)]
)
def test_parameters_of_v3_are_torchvision_s(options, expected):
    assert _parameters("deeplabv3", **options) == expected
    assert _parameters("deeplabv3", output_stride=8, **options) == expected


def test_parameters_of_v2_by_layer():
    assert _parameters("deeplabv2") == R101 + 4 * (9 * 2048 * 21 + 21)
    branch = (9 * 512 * 1024 + 1024) + (1024 * 1024 + 1024) + (1024 * 21 + 21)
    assert _parameters("deeplabv2", backbone="vgg16") == VGG16 + 4 * branch
    # DeepLab-LargeFOV: 20.5 million in table 1 of https://arxiv.org/abs/1412.7062
    large = _parameters("deeplabv2", backbone="vgg16", rates=[12])
    assert large == VGG16 + branch
    assert round(large / 1e6, 1) == 20.5


@pytest.mark.parametrize("separable", [True, False])
def test_parameters_of_v3plus_by_layer(separable):
    def pointwise(n_in, n_out):
        return n_in * n_out + 2 * n_out

    def refined(n_in, n_out):
        if separable:
            return 9 * n_in + 2 * n_in + pointwise(n_in, n_out)
        return 9 * n_in * n_out + 2 * n_out

    aspp = 2 * pointwise(2048, 256) + 3 * refined(2048, 256) + pointwise(5 * 256, 256)
    decoder = pointwise(256, 48) + refined(256 + 48, 256) + refined(256, 256) + 256 * 21 + 21
    assert _parameters("deeplabv3plus", separable=separable) == R50 + aspp + decoder


def _zero_inserted(kernel, rate):
    """Return a kernel with rate - 1 zeros between its values along each axis."""
    full = np.zeros([rate * (k - 1) + 1 for k in kernel.shape])
    full[(slice(None, None, rate),) * kernel.ndim] = kernel
    return full


def _atrous(x, kernels, rate):
    """Correlate channels with zero-inserted kernels (n_out, n_in, *kernel), zeros outside."""
    return np.stack(
        [
            sum(
                correlate(channel, _zero_inserted(kernel, rate), mode="constant")
                for channel, kernel in zip(x, row, strict=True)
            )
            for row in kernels
        ]
    )


def _scaled(x, norm):
    """Apply a normalisation of running statistics 0 and 1, as it is before any training."""
    return x / np.sqrt(1 + norm.eps)


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
        expected = np.maximum(_scaled(_atrous(x, kernels, rate), branch[1]), 0)
        assert expected.std() > 0.01
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_separable_convolution_normalises_and_rectifies_twice():
    torch.manual_seed(0)
    block = separable_conv_norm_relu(2, 3, 4, norm="batch", dilation=2).double().eval()
    x = np.random.default_rng(0).normal(size=(3, 9, 11))
    depthwise, pointwise = (m.weight.detach().numpy() for m in (block[0], block[3]))
    middle = np.stack([_atrous(x[i : i + 1], depthwise[i : i + 1], 2)[0] for i in range(3)])
    middle = np.maximum(_scaled(middle, block[1]), 0)
    expected = np.tensordot(pointwise[:, :, 0, 0], middle, 1)
    expected = np.maximum(_scaled(expected, block[4]), 0)
    with torch.no_grad():
        found = block(torch.from_numpy(x)[None])[0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_v2_sums_scores_of_all_rates(spatial_dims):
    torch.manual_seed(0)
    rates = [1, 2, 4]
    network = models.create_network(
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
        expected = expected + _atrous(features[-1][0].numpy(), weight, rate)
        expected = expected + bias.reshape(-1, *[1] * spatial_dims)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_v2_on_vgg_has_rates_and_poolings_of_the_paper():
    with torch.device("meta"):
        network = models.create_network("deeplabv2", 2, 3, 21, backbone="vgg16")
        coarser = models.create_network("deeplabv2", 2, 3, 21, backbone="vgg16", output_stride=16)
    convolutions = [m for m in network.backbone.features if hasattr(m, "weight")]
    assert [m.dilation[0] for m in convolutions] == [1] * 10 + [2] * 3
    assert [m.padding[0] for m in convolutions] == [1] * 10 + [2] * 3
    for net, strides in [(network, [2, 2, 2, 1, 1]), (coarser, [2, 2, 2, 2, 1])]:
        pools = [m for m in net.backbone.features if "Pool" in type(m).__name__]
        assert [(m.kernel_size, m.padding) for m in pools] == [(3, 1)] * 5
        assert [m.stride for m in pools] == strides
    assert [branch[0].dilation[0] for branch in network.classifiers] == [6, 12, 18, 24]
    assert network.state_dict()["backbone.features.28.weight"].shape == (512, 512, 3, 3)


@pytest.mark.parametrize("name", ["deeplabv3", "deeplabv3plus"])
@pytest.mark.parametrize(
    ("output_stride", "rates", "grid"),
    [(16, [6, 12, 18], [2, 4, 8]), (8, [12, 24, 36], [4, 8, 16])],
)
def test_rates_of_v3(name, output_stride, rates, grid):
    with torch.device("meta"):
        network = models.create_network(name, 2, 3, 21, output_stride=output_stride)
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


@pytest.mark.parametrize("output_stride", [8, 16])
def test_v3plus_joins_features_at_their_own_pixels(output_stride):
    torch.manual_seed(0)
    network = models.create_network(
        "deeplabv3plus", 2, 1, 2, backbone="resnet18", width=0.25, output_stride=output_stride
    ).eval()
    seen = {}
    for name in ("aspp", "reduce"):
        layer = network.get_submodule(name)
        layer.register_forward_hook(lambda *args, name=name: seen.update({name: args[-1]}))
    network.head.register_forward_pre_hook(lambda _, args: seen.update(joined=args[0]))
    with torch.no_grad():
        network(torch.rand(1, 1, 66, 51))
    step = output_stride // 4
    joined = seen["joined"]
    assert joined.shape == (1, 64 + 12, 17, 13)
    torch.testing.assert_close(joined[:, :64, ::step, ::step], seen["aspp"])
    assert torch.equal(joined[:, 64:], seen["reduce"])
    # a quarter of the way from one feature to the next
    between = (
        seen["aspp"][..., :1, 0] + (seen["aspp"][..., 1:2, 0] - seen["aspp"][..., :1, 0]) / step
    )
    torch.testing.assert_close(joined[:, :64, 1:2, 0], between)


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
        models.create_network(name, 2, 1, 2, **options)
    for message in messages:
        assert message in str(error.value)


def test_lists_stand_for_tuples():
    given = {"rates": [1, 2, 3], "multi_grid": [1, 1, 1], "backbone": "resnet18", "width": 0.125}
    network = models.create_network(
        "deeplabv3", 2, 1, 2, **models.check_options("deeplabv3", given)
    )
    assert [branch[0].dilation[0] for branch in network.aspp.branches] == [1, 1, 2, 3]
