"""ResNet encoders: torchvision's names and arithmetic, output strides, atrous equivalence."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from septum.networks.resnet import ResNet

COUNTS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
layers_ = pytest.mark.parametrize("layers", [18, 34, 50, 101])
dims = pytest.mark.parametrize("spatial_dims", [2, 3])


def _norm(name, channels):
    parts = ["weight", "bias", "running_mean", "running_var"]
    return {f"{name}.{p}": (channels,) for p in parts} | {f"{name}.num_batches_tracked": ()}


def _torchvision(layers, in_channels=3):
    """Write down names and shapes of torchvision's state dict, in its order, without ``fc``."""
    deep = layers >= 50
    found = {"conv1.weight": (64, in_channels, 7, 7)} | _norm("bn1", 64)
    before = 64
    for stage, count in enumerate(COUNTS[layers], start=1):
        width = 32 * 2**stage
        out = 4 * width if deep else width
        for block in range(count):
            place = f"layer{stage}.{block}"
            if deep:
                steps = [(before, width, 1), (width, width, 3), (width, out, 1)]
            else:
                steps = [(before, width, 3), (width, width, 3)]
            for number, (n_in, n_out, kernel) in enumerate(steps, start=1):
                found[f"{place}.conv{number}.weight"] = (n_out, n_in, kernel, kernel)
                found |= _norm(f"{place}.bn{number}", n_out)
            if block == 0 and (stage > 1 or deep):
                found[f"{place}.downsample.0.weight"] = (out, before, 1, 1)
                found |= _norm(f"{place}.downsample.1", out)
            before = out
    return found


@layers_
def test_names_and_shapes_are_torchvision_s(layers):
    with torch.device("meta"):
        network = ResNet(2, 3, layers=layers)
    found = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert list(found.items()) == list(_torchvision(layers).items())


@pytest.mark.parametrize(
    ("layers", "published", "features"),
    [
        (18, 11_689_512, 512),
        (34, 21_797_672, 512),
        (50, 25_557_032, 2048),
        (101, 44_549_160, 2048),
    ],
)
def test_parameters_are_the_published_ones_without_the_classifier(layers, published, features):
    with torch.device("meta"):
        network = ResNet(2, 3, layers=layers)
    expected = published - 1000 * (features + 1)
    assert sum(p.numel() for p in network.parameters()) == expected
    assert network.channels == tuple(features // 2**i for i in (3, 2, 1, 0))


def test_names_of_the_deep_stem():
    with torch.device("meta"):
        network = ResNet(2, 4, layers=50, deep_stem=True)
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert shapes["conv1.weight"] == (64, 4, 3, 3)
    assert shapes["conv2.weight"] == (64, 64, 3, 3)
    assert shapes["conv3.weight"] == (128, 64, 3, 3)
    assert shapes["bn3.weight"] == (128,)
    assert shapes["layer1.0.conv1.weight"] == (64, 128, 1, 1)
    assert (network.conv1.stride, network.conv2.stride) == ((2, 2), (1, 1))


def _shaken(network, seed=0):
    """Give every tensor of a network values of its own, in double precision."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.double().state_dict().items():
            if name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight")):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=rng))
            elif tensor.is_floating_point():
                spread = 0.1 if tensor.ndim == 1 else (2 / tensor[0].numel()) ** 0.5
                tensor.copy_(spread * torch.randn(tensor.shape, generator=rng))
    return network.eval()


def _reference(state, layers, x):
    """Compute torchvision's forward pass from a state dict."""

    def norm(x, name):
        mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        scale = state[f"{name}.weight"] / (var + 1e-5).sqrt()
        shift = state[f"{name}.bias"] - mean * scale
        return x * scale[:, None, None] + shift[:, None, None]

    def conv(x, name, stride=1):
        kernel = state[f"{name}.weight"]
        return F.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2)

    x = norm(conv(x, "conv1", 2), "bn1").clamp(min=0)
    x = F.max_pool2d(x, 3, 2, 1)
    features = []
    for stage, count in enumerate(COUNTS[layers], start=1):
        for block in range(count):
            name = f"layer{stage}.{block}"
            stride = 2 if stage > 1 and block == 0 else 1
            # the stride is at the first 3×3 convolution
            strides = [1, stride, 1] if layers >= 50 else [stride, 1]
            y = x
            for number, step in enumerate(strides, start=1):
                y = norm(conv(y, f"{name}.conv{number}", step), f"{name}.bn{number}")
                y = y.clamp(min=0) if number < len(strides) else y
            if f"{name}.downsample.0.weight" in state:
                x = norm(conv(x, f"{name}.downsample.0", stride), f"{name}.downsample.1")
            x = (x + y).clamp(min=0)
        features.append(x)
    return features


@pytest.mark.parametrize("layers", [18, 50])
def test_features_are_torchvision_s(layers):
    network = _shaken(ResNet(2, 3, layers=layers, width=1 / 16))
    images = torch.rand(2, 3, 45, 38, dtype=torch.float64)
    with torch.no_grad():
        found = network(images)
        expected = _reference(network.state_dict(), layers, images)
    for ours, theirs in zip(found, expected, strict=True):
        assert theirs.std() > 0.01
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize("deep_stem", [False, True])
@dims
def test_sizes_of_features(spatial_dims, output_stride, deep_stem):
    network = ResNet(
        spatial_dims, 1, layers=18, width=1 / 64, output_stride=output_stride, deep_stem=deep_stem
    ).eval()
    strides = [min(s, output_stride) for s in (4, 8, 16, 32)]
    for size in [(33, 40), (64, 65), (49, 17)]:
        size = (*size, 35)[:spatial_dims]
        with torch.no_grad():
            features = network(torch.zeros(1, 1, *size))
        for stride, channels, stage in zip(strides, network.channels, features, strict=True):
            assert stage.shape == (1, channels, *((s - 1) // stride + 1 for s in size))


@pytest.mark.parametrize(("layers", "output_stride"), [(18, 8), (18, 16), (50, 8), (50, 16)])
@dims
def test_dilated_features_are_the_undilated_ones_in_between(spatial_dims, layers, output_stride):
    plain = _shaken(ResNet(spatial_dims, 1, layers=layers, width=1 / 32))
    dense = ResNet(spatial_dims, 1, layers=layers, width=1 / 32, output_stride=output_stride)
    dense.double().eval().load_state_dict(plain.state_dict())
    size = (70, 97) if spatial_dims == 2 else (33, 40, 35)
    images = torch.rand(1, 1, *size, dtype=torch.float64)
    with torch.no_grad():
        for coarse, fine, stride in zip(plain(images), dense(images), (4, 8, 16, 32), strict=True):
            step = max(1, stride // output_stride)
            every = (..., *(slice(None, None, step),) * spatial_dims)
            assert coarse.std() > 1e-3
            torch.testing.assert_close(fine[every], coarse)


def _rates(network, stage):
    blocks = network.get_submodule(f"layer{stage}")
    return [
        tuple(m.dilation[0] for m in block.modules() if getattr(m, "kernel_size", 0) == (3, 3))
        for block in blocks
    ]


@pytest.mark.parametrize(
    ("options", "third", "fourth"),
    [
        ({}, [1] * 6, [1, 1, 1]),
        ({"output_stride": 16}, [1] * 6, [1, 2, 2]),
        ({"output_stride": 8}, [1, 2, 2, 2, 2, 2], [2, 4, 4]),
        # DeepLabv3: rate 2 (4 at output stride 8) times the grid
        ({"output_stride": 16, "multi_grid": (1, 2, 4)}, [1] * 6, [2, 4, 8]),
        ({"output_stride": 8, "multi_grid": (1, 2, 4)}, [1, 2, 2, 2, 2, 2], [4, 8, 16]),
    ],
)
def test_rates_of_bottlenecks(options, third, fourth):
    with torch.device("meta"):
        network = ResNet(2, 1, layers=50, **options)
    assert _rates(network, 3) == [(rate,) for rate in third]
    assert _rates(network, 4) == [(rate,) for rate in fourth]
    assert {*_rates(network, 1), *_rates(network, 2)} == {(1,)}


def test_rates_of_basic_blocks():
    with torch.device("meta"):
        dense = ResNet(2, 1, layers=18, output_stride=8)
        gridded = ResNet(2, 1, layers=18, output_stride=16, multi_grid=(1, 2, 4))
    assert _rates(dense, 3) == [(1, 2), (2, 2)]
    assert _rates(dense, 4) == [(2, 4), (4, 4)]
    assert _rates(gridded, 4) == [(2, 2), (4, 4)]


@pytest.mark.parametrize("layers", [18, 50])
def test_width_scales_all_channels(layers):
    with torch.device("meta"):
        full, half = ResNet(2, 1, layers=layers), ResNet(2, 1, layers=layers, width=0.5)
    assert half.channels == tuple(channels // 2 for channels in full.channels)
    for ours, theirs in zip(half.parameters(), full.parameters(), strict=True):
        assert 2 * ours.shape[0] == theirs.shape[0]


@pytest.mark.parametrize(
    ("norm", "kind"), [("instance", nn.InstanceNorm2d), ("group", nn.GroupNorm)]
)
def test_other_norms(norm, kind):
    with torch.device("meta"):
        network = ResNet(2, 1, layers=18, norm=norm)
    kinds = {type(layer) for name, layer in network.named_modules() if "bn" in name}
    assert kinds == {kind}


def test_every_stride_and_stem_has_the_same_weights_but_for_the_stem():
    options = itertools.product([8, 16, 32], [None, (1, 2, 4)])
    with torch.device("meta"):
        shapes = [
            {n: p.shape for n, p in ResNet(3, 1, output_stride=s, multi_grid=g).named_parameters()}
            for s, g in options
        ]
    assert all(other == shapes[0] for other in shapes)
