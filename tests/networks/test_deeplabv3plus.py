"""DeepLabv3+: parameters by layer, atrous and separable convolutions, and its decoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from atrous import atrous_correlate, scaled_by_norm
from small_networks import count_parameters

from septum.networks.create import create_network
from septum.networks.dilated import separable_conv_norm_relu

R50, R101, VGG16 = 23_508_032, 42_500_160, 14_714_688


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
    assert count_parameters("deeplabv3plus", 2, 3, 21, separable=separable) == R50 + aspp + decoder


def test_separable_convolution_normalises_and_rectifies_twice():
    torch.manual_seed(0)
    block = separable_conv_norm_relu(2, 3, 4, norm="batch", dilation=2).double().eval()
    x = np.random.default_rng(0).normal(size=(3, 9, 11))
    depthwise, pointwise = (m.weight.detach().numpy() for m in (block[0], block[3]))
    middle = np.stack(
        [atrous_correlate(x[i : i + 1], depthwise[i : i + 1], 2)[0] for i in range(3)]
    )
    middle = np.maximum(scaled_by_norm(middle, block[1]), 0)
    expected = np.tensordot(pointwise[:, :, 0, 0], middle, 1)
    expected = np.maximum(scaled_by_norm(expected, block[4]), 0)
    with torch.no_grad():
        found = block(torch.from_numpy(x)[None])[0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("output_stride", [8, 16])
def test_v3plus_joins_features_at_their_own_pixels(output_stride):
    torch.manual_seed(0)
    network = create_network(
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
