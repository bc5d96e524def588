"""The parts that networks are made of: sizes, crops and how weights are drawn."""

from __future__ import annotations

import math

import pytest
import torch

from septum.errors import SeptumError
from septum.networks.blocks import (
    Network,
    centre_crop,
    conv,
    halving_weights,
    initialise,
    max_pool,
    norm_layer,
    up_conv,
)


class EightPixels(Network):
    stride = 8
    _min_features = 2


def test_legal_sizes_are_multiples_of_the_stride():
    assert EightPixels().legal_size((1, 16, 17)) == (16, 16, 24)


def test_another_size_is_named_with_the_next_legal_one():
    EightPixels().require_legal(torch.zeros(1, 1, 16, 24))
    with pytest.raises(SeptumError, match=r"does not accept 16 × 20\n.*pad to 16 × 24"):
        EightPixels().require_legal(torch.zeros(1, 1, 16, 20))


def test_centre_crop_of_odd_and_even_differences():
    x = torch.arange(6)[None].repeat(2, 1)
    assert centre_crop(x, (4,)).tolist() == [[1, 2, 3, 4]] * 2
    assert centre_crop(x, (3,)).tolist() == [[1, 2, 3]] * 2
    assert centre_crop(x, (2, 6)).tolist() == x.tolist()


@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_up_convolutions_double_the_size_exactly(spatial_dims, kernel):
    layer = up_conv(spatial_dims, 1, 1, kernel=kernel)
    assert layer(torch.zeros(1, 1, *(5,) * spatial_dims)).shape[2:] == (10,) * spatial_dims


def test_the_middle_of_an_up_convolution_s_kernel_falls_on_pixel_2i():
    layer = up_conv(2, 1, 1, kernel=3, bias=False)
    layer.weight.data = torch.zeros(1, 1, 3, 3)
    layer.weight.data[0, 0, 1, 1] = 1.0
    x = torch.arange(9.0).reshape(1, 1, 3, 3)
    enlarged = layer(x)
    assert torch.equal(enlarged[:, :, ::2, ::2], x)
    assert enlarged.sum() == x.sum()


def test_poolings_and_paddings():
    assert max_pool(2)(torch.arange(4.0).reshape(1, 1, 2, 2)).item() == 3
    assert conv(3, 1, 4)(torch.zeros(1, 1, 5, 6, 7)).shape == (1, 4, 5, 6, 7)


@pytest.mark.parametrize("name", ["none", "batch", "instance", "group"])
def test_norms_keep_the_shape(name):
    x = torch.randn(2, 12, 4, 4)
    assert norm_layer(name, 2, 12)(x).shape == x.shape


def test_groups_divide_the_channels():
    assert [norm_layer("group", 2, n).num_groups for n in (16, 12, 7)] == [8, 4, 1]


@pytest.mark.parametrize("uniform", [False, True])
def test_weights_have_the_deviation_of_he(uniform):
    torch.manual_seed(0)
    layers = torch.nn.ModuleList([conv(2, 64, 64), up_conv(2, 64, 64, kernel=2)])
    initialise(layers, uniform=uniform)
    # 64 channels of 3 × 3; of a kernel of 2 × 2 at stride 2 each pixel meets one place
    for layer, incoming in zip(layers, (64 * 9, 64), strict=True):
        assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / incoming), rel=0.03)
        assert not layer.bias.any()
    bound = math.sqrt(3) * math.sqrt(2 / (64 * 9))
    assert (layers[0].weight.abs().max().item() <= bound) == uniform


def test_each_resolution_weighs_half_of_the_one_before():
    weights = [weight for weight, _ in halving_weights([torch.zeros(1)] * 3)]
    assert weights == pytest.approx([4 / 7, 2 / 7, 1 / 7])
