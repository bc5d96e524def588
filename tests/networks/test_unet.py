"""The U-Net of the paper: its layers, sizes, weights, and tiles that add up to the whole."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from small_networks import count_parameters, network_of
from torch import nn

from septum.errors import SeptumError
from septum.networks.create import create_network

dims = pytest.mark.parametrize("spatial_dims", [2, 3])


def test_unet_is_the_paper_s():
    network = network_of("unet", 2, width=2, out_channels=2).eval()
    assert network.margin == 92
    assert network(torch.zeros(1, 1, 572, 572)).shape == (1, 2, 388, 388)
    with torch.device("meta"):
        full = create_network("unet", 2, 1, 2)
    assert sum(p.numel() for p in full.parameters()) == 31_030_658
    kinds = [type(m) for m in full.modules()]
    assert kinds.count(nn.Conv2d) == 19
    assert kinds.count(nn.ConvTranspose2d) == 4
    assert {m.padding for m in full.modules() if isinstance(m, nn.Conv2d)} == {(0, 0)}
    assert {m.kernel_size for m in full.modules() if isinstance(m, nn.ConvTranspose2d)} == {(2, 2)}
    # half of the features, on the last two levels of the contracting path
    assert [m.p for m in full.modules() if isinstance(m, nn.Dropout)] == [0, 0, 0, 0.5, 0.5]


@dims
@pytest.mark.parametrize(("width", "depth"), [(64, 4), (16, 3), (5, 1)])
def test_unet_parameters_by_layer(spatial_dims, width, depth):
    def convolution(n_in, n_out, kernel):
        return n_in * n_out * kernel**spatial_dims + n_out

    expected = convolution(3, width, 3) + convolution(width, width, 3)
    for level in range(depth):
        low, high = width * 2**level, width * 2 ** (level + 1)
        expected += convolution(low, high, 3) + convolution(high, high, 3)  # down
        expected += convolution(high, low, 2)
        expected += convolution(high, low, 3) + convolution(low, low, 3)  # skip and up joined
    expected += convolution(width, 4, 1)
    for padded in (False, True):
        options = {"width": width, "depth": depth, "padded": padded}
        assert count_parameters("unet", spatial_dims, 3, 4, **options) == expected


def _by_hand(size, depth):
    """Follow a size through an unpadded U-Net; None where it cannot go."""
    skips = []
    for _ in range(depth):
        size -= 4
        if size <= 0 or size % 2:
            return None
        skips.append(size)
        size //= 2
    size -= 4
    for _ in range(depth):
        size = 2 * size
        if size <= 0 or size > skips.pop():
            return None
        size -= 4
    return size if size > 0 else None


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 6])
def test_legal_sizes_of_the_valid_unet(depth):
    with torch.device("meta"):
        network = create_network("unet", 2, 1, 2, width=1, depth=depth)
    legal = [size for size in range(1, 1200) if _by_hand(size, depth)]
    assert {network.legal_size([size])[0] for size in range(1, legal[-1] + 1)} == set(legal)
    assert all((size - _by_hand(size, depth)) == 2 * network.margin for size in legal)
    if depth == 4:
        assert legal[:3] == [188, 204, 220]
        assert {s % 16 for s in legal} == {12}


def test_legal_sizes_of_padded_networks():
    with torch.device("meta"):
        bare = create_network("unet", 2, 1, 2, width=1, depth=3, padded=True)
        normed = create_network("unet", 3, 1, 2, width=1, depth=3, padded=True, norm="batch")
    assert bare.legal_size((1, 8, 9)) == (8, 8, 16)
    assert normed.legal_size((1, 17, 32)) == (16, 24, 32)
    assert bare.margin == normed.margin == 0


@pytest.mark.parametrize("size", [(188, 189), (187, 188), (572, 16)])
def test_other_sizes_are_refused(size):
    network = network_of("unet", 2, width=1)
    with pytest.raises(SeptumError, match="the next size it accepts"):
        network(torch.zeros(1, 1, *size))


@pytest.mark.parametrize(("name", "uniform"), [("unet", False), ("dense_unet", True)])
def test_initial_weights_follow_he(name, uniform):
    options = {"width": 48, "depth": 2} if name == "unet" else {"depth": 2, "growth": 24}
    network = network_of(name, 2, **options)
    seen = 0
    for layer in network.modules():
        if not isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) or layer.weight.numel() < 20_000:
            continue
        pixels = math.prod(layer.kernel_size)
        if isinstance(layer, nn.ConvTranspose2d):  # so many kernels overlap in an output pixel
            pixels /= 4
        expected = math.sqrt(2 / (layer.in_channels * pixels))
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.03)
        assert abs(layer.weight.mean().item()) < 0.03 * expected
        reach = layer.weight.abs().max().item() / expected
        assert reach <= math.sqrt(3) * 1.001 if uniform else reach > 3
        assert layer.bias is None or not layer.bias.any()
        seen += 1
    assert seen >= 4


def _whole_numbers(network, seed):
    """Make all sums exact: small integers as weights, so that order of addition cannot matter."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randint(-1, 2, parameter.shape, generator=rng))
    return network.double().eval()


@pytest.mark.parametrize(("spatial_dims", "depth"), [(2, 1), (2, 2), (3, 1)])
def test_overlap_tiles_equal_the_whole(spatial_dims, depth):
    network = _whole_numbers(network_of("unet", spatial_dims, width=2, depth=depth), seed=4)
    margin, stride = network.margin, network.stride
    shape = network.legal_size([58 if spatial_dims == 2 else 24] * spatial_dims)
    image = np.random.default_rng(5).integers(0, 4, [s - 2 * margin for s in shape])
    mirrored = torch.from_numpy(np.pad(image, margin, mode="reflect")[None, None]).double()
    tile = network.legal_size([1] * spatial_dims)[0]
    step = max(1, (tile - 2 * margin) // stride) * stride
    with torch.no_grad():
        whole = network(mirrored)
        assert whole.shape[2:] == image.shape
        assert len(whole.unique()) > 20
        covered = torch.zeros(image.shape, dtype=torch.bool)
        for corner in itertools.product(*(range(0, s - tile + 1, step) for s in shape)):
            window = (..., *(slice(c, c + tile) for c in corner))
            place = (..., *(slice(c, c + tile - 2 * margin) for c in corner))
            assert torch.equal(network(mirrored[window]), whole[place])
            covered[place] = True
    assert covered.all()


@pytest.mark.parametrize(
    ("spatial_dims", "depth", "level"),
    [(2, 1, 0), (2, 1, 1), (2, 3, 0), (2, 3, 1), (2, 3, 2), (2, 3, 3), (3, 1, 0), (3, 1, 1)],
)
@pytest.mark.parametrize("padded", [False, True])
def test_each_level_lands_on_its_own_pixels(spatial_dims, depth, level, padded):
    # The network made an identity down to one level and back: an output pixel must be the
    # maximum of the 2^level block of the image that holds the same pixel.
    network = network_of("unet", spatial_dims, width=2, depth=depth, padded=padded, out_channels=1)
    centre = (0, 0) + (1,) * spatial_dims
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for block in [*network.contract, *network.expand]:
            first, second = (m for m in block.modules() if hasattr(m, "kernel_size"))
            first.weight[centre] = second.weight[centre] = 1
        for up in network.up:
            up.weight[0, 0] = 1
        for above, block in enumerate(reversed(network.expand)):
            if above < level:  # take the way up instead of the skip
                first = next(m for m in block.modules() if hasattr(m, "kernel_size"))
                first.weight.zero_()
                first.weight[(0, 2 * 2**above, *centre[2:])] = 1
        network.logits.weight[0, 0] = 1
    margin, block = network.margin, 2**level
    size = network.legal_size([50 if depth == 1 else 120] * spatial_dims)
    image = np.random.default_rng(6).integers(0, 1000, size).astype(np.float32)
    with torch.no_grad():
        out = network.eval()(torch.from_numpy(image)[None, None])[0, 0].numpy()
    first = 0 if padded else 2 * (block - 1)  # where blocks begin: 2 + 4 + … pixels are lost
    for pixel in np.random.default_rng(7).integers(0, out.shape, (50, spatial_dims)):
        corner = (pixel + margin - first) // block * block + first
        region = tuple(slice(c, c + block) for c in corner)
        assert out[tuple(pixel)] == image[region].max()
