"""FCN: bilinear kernels, alignment with the image, the three strides, the paper's counts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from septum.errors import SeptumError
from septum.networks.create import create_network
from septum.networks.fcn import Upscore

NAMES = ["fcn32s", "fcn16s", "fcn8s"]
every = pytest.mark.parametrize("name", NAMES)


def fcn(name, spatial_dims=2, in_channels=1, out_channels=2, seed=0, **options):
    torch.manual_seed(seed)
    return create_network(name, spatial_dims, in_channels, out_channels, **options).eval()


# --- transposed convolutions -------------------------------------------------------------


@pytest.mark.parametrize(
    ("factor", "row"),
    [(2, [1, 3, 3, 1]), (8, [1, 3, 5, 7, 9, 11, 13, 15, 15, 13, 11, 9, 7, 5, 3, 1])],
)
@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_bilinear_kernel(factor, row, spatial_dims):
    layer = Upscore(spatial_dims, 3, factor)
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    kernel = np.array(row) / (2 * factor)
    expected = kernel[:, None] * kernel
    if spatial_dims == 3:
        expected = expected[:, :, None] * kernel
    weight = layer.weight.detach().numpy()
    assert weight.shape == (3, 3, *[len(row)] * spatial_dims)
    for a in range(3):
        for b in range(3):
            assert np.allclose(weight[a, b], expected if a == b else 0, rtol=0, atol=1e-7)


@pytest.mark.parametrize("factor", [2, 8, 16, 32])
@pytest.mark.parametrize("size", [(3, 5), (1, 4), (2, 1, 3)])
def test_enlarging_is_interpolation_between_pixel_centres(factor, size):
    torch.manual_seed(1)
    x = torch.randn(2, 3, *size)
    target = [factor * n - (factor > 2) for n in size]
    mode = ["bilinear", "trilinear"][len(size) - 2]
    whole = F.interpolate(x, scale_factor=factor, mode=mode, align_corners=False)
    expected = whole[(..., *(slice(n) for n in target))]
    with torch.no_grad():
        got = Upscore(len(size), 3, factor)(x, target)
    assert got.shape[2:] == tuple(target)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("factor", [2, 8])
@pytest.mark.parametrize("size", [(3, 5), (1, 4), (2, 1, 3)])
def test_learned_weights_mean_what_they_mean_to_torch(factor, size):
    torch.manual_seed(2)
    layer = Upscore(len(size), 3, factor)
    nn.init.normal_(layer.weight)
    x = torch.randn(2, 3, *size, requires_grad=True)
    target = [factor * n - 1 for n in size]
    got = layer(x, target)
    transposed = [F.conv_transpose2d, F.conv_transpose3d][len(size) - 2]
    full = transposed(F.pad(x, (1, 1) * len(size), mode="replicate"), layer.weight, stride=factor)
    start = factor + factor // 2  # a coarse pixel of padding, and half of one
    expected = full[(..., *(slice(start, start + n) for n in target))]
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    upstream = torch.randn_like(got)
    for a, b in zip(
        torch.autograd.grad(got, (x, layer.weight), upstream),
        torch.autograd.grad(expected, (x, layer.weight), upstream),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


# --- alignment ---------------------------------------------------------------------------


def make_identity(network):
    """Let channel 0 pass all convolutions unchanged, up to the scores, which stay zero."""
    with torch.no_grad():
        for module in [*network.backbone.modules(), network.fc6, network.fc7]:
            if hasattr(module, "kernel_size") and hasattr(module, "weight"):
                module.weight.zero_()
                module.bias.zero_()
                module.weight[(0, 0, *(k // 2 for k in module.kernel_size))] = 1
    return network


@pytest.mark.parametrize(
    ("name", "layer", "stride"),
    [
        ("fcn32s", "score_fr", 32),
        ("fcn16s", "score_pool4", 16),
        ("fcn8s", "score_pool3", 8),
    ],
)
@pytest.mark.parametrize("size", [(70, 101), (64, 64), (5, 40), (33, 9, 40)])
def test_each_stride_lands_on_its_own_pixels(name, layer, stride, size):
    # each score is the maximum of a block; its place is the block's centre, and between
    # centres the logits are interpolated
    network = make_identity(fcn(name, len(size), width=1 / 64))
    with torch.no_grad():
        network.get_submodule(layer).weight[1, 0] = 1
    image = np.random.default_rng(2).uniform(0, 1, size).astype(np.float32)
    expected = image
    for axis, length in enumerate(size):
        starts = np.arange(0, length, stride)
        expected = np.maximum.reduceat(expected, starts, axis=axis)
    for axis, length in enumerate(size):
        centres = (np.arange(expected.shape[axis]) + 0.5) * stride
        pixels = np.arange(length) + 0.5
        expected = np.apply_along_axis(
            lambda row, p=pixels, c=centres: np.interp(p, c, row), axis, expected
        )
    with torch.no_grad():
        logits = network(torch.from_numpy(image)[None, None])[0]
    assert logits[1].shape == size
    np.testing.assert_allclose(logits[1].numpy(), expected, rtol=0, atol=1e-5)
    assert not logits[0].any()


def test_scores_of_all_three_strides_are_added():
    network = make_identity(fcn("fcn8s", width=1 / 64))
    with torch.no_grad():
        for layer, weight in (("score_fr", 100.0), ("score_pool4", 10.0), ("score_pool3", 1.0)):
            network.get_submodule(layer).weight[1, 0] = weight
        # constant in each 32 × 32 block, so that all poolings see the same
        image = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
        logits = network(F.interpolate(image, scale_factor=32.0))[0, 1]
    # the corners are far enough from other blocks
    corners = logits[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.tolist() == pytest.approx([111, 222, 333, 444], rel=1e-5)


@every
def test_a_shift_by_the_stride_shifts_the_logits(name):
    network = fcn(name, width=1 / 16, in_channels=2, out_channels=3)
    with torch.no_grad():
        for layer in ("score_fr", "score_pool4", "score_pool3"):
            if hasattr(network, layer):
                nn.init.normal_(getattr(network, layer).weight)
        # no biases yet: around the spot all is zero, and no border is felt
        spot = torch.randn(1, 2, 40, 40)
        image, shifted = torch.zeros(1, 2, 640, 640), torch.zeros(1, 2, 640, 640)
        image[..., 290:330, 300:340] = spot
        shifted[..., 322:362, 268:308] = spot
        before, after = network(image), network(shifted)
    assert network.stride == 32
    # far from the spot, too: the wide kernel of fc6 sees it from three coarse pixels away
    assert (before[0, 0] != 0).sum() > 200**2
    assert not before[..., :32, :].any()
    assert not before[..., -32:].any()
    torch.testing.assert_close(after[..., 32:, :-32], before[..., :-32, 32:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(70, 45), (37, 33, 20)])
def test_fcn8s_by_hand(size):
    torch.manual_seed(3)
    dims = len(size)
    network = fcn("fcn8s", dims, width=1 / 16, in_channels=2, out_channels=3)
    state = network.state_dict()
    for name, tensor in state.items():
        if tensor.ndim == 1 or name.startswith("score"):
            nn.init.normal_(tensor.view(1, -1), std=0.2)
    conv, pool = [(F.conv2d, F.max_pool2d), (F.conv3d, F.max_pool3d)][dims - 2]
    transposed = [F.conv_transpose2d, F.conv_transpose3d][dims - 2]

    def layer(x, name, padding=0):
        return conv(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=padding)

    def enlarge(x, name, factor, like):
        x = F.pad(x, (1, 1) * dims, mode="replicate")
        x = transposed(x, state[f"{name}.weight"], stride=factor)
        return x[(..., *(slice(factor * 3 // 2, factor * 3 // 2 + n) for n in like.shape[2:]))]

    images = torch.randn(2, 2, *size)
    x, pooled = images, []
    for level in ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)):
        for number in level:
            x = layer(x, f"backbone.features.{number}", padding=1).relu()
        x = pool(x, 2, ceil_mode=True)
        pooled.append(x)
    x = layer(layer(x, "fc6", padding=3).relu(), "fc7").relu()
    x = layer(x, "score_fr")
    x = enlarge(x, "upscore2", 2, pooled[3]) + layer(pooled[3], "score_pool4")
    x = enlarge(x, "upscore_pool4", 2, pooled[2]) + layer(pooled[2], "score_pool3")
    expected = enlarge(x, "upscore", 8, images)
    with torch.no_grad():
        logits = network(images)
    assert logits.shape[2:] == size
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-4)


# --- the paper's -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "skips", "kernels"),
    [
        ("fcn32s", [], [64]),
        ("fcn16s", [512], [4, 32]),
        ("fcn8s", [512, 256], [4, 4, 16]),
    ],
)
@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_parameters(name, skips, kernels, spatial_dims):
    def convolution(n_in, n_out, kernel):
        return n_in * n_out * kernel**spatial_dims + n_out

    widths = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    expected = sum(convolution(a, b, 3) for a, b in pairwise(widths))
    expected += convolution(512, 4096, 7) + convolution(4096, 4096, 1)
    expected += sum(convolution(channels, 21, 1) for channels in [4096, *skips])
    expected += sum(21 * 21 * kernel**spatial_dims for kernel in kernels)
    with torch.device("meta"):
        network = create_network(name, spatial_dims, 3, 21)
    assert sum(p.numel() for p in network.parameters()) == expected
    if (name, spatial_dims) == ("fcn8s", 2):
        assert expected == 134_489_759


@every
def test_a_new_network_scores_zero_and_learns_in_every_layer(name):
    # as in the paper; the first step moves the scores, the second all else
    network = fcn(name, width=1 / 16, dropout=0.0).train()
    images = torch.randn(1, 1, 64, 64)
    assert not network(images).any()
    start = {key: p.detach().clone() for key, p in network.named_parameters()}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(network(images), (images[:, 0] > 0).long()).backward()
        optimizer.step()
    still = [key for key, p in network.named_parameters() if torch.equal(p, start[key])]
    assert still == []


@pytest.mark.parametrize(
    ("name", "layer", "scale"),
    [
        ("fcn16s", "score_pool4", 0.01),
        ("fcn8s", "score_pool4", 0.01),
        ("fcn8s", "score_pool3", 0.0001),
        ("fcn8s", "score_fr", 1.0),
    ],
)
def test_at_once_scales_the_skips(name, layer, scale):
    plain = fcn(name, width=1 / 16)
    at_once = fcn(name, width=1 / 16, at_once=True)
    images = torch.randn(1, 1, 70, 50)
    with torch.no_grad():
        nn.init.normal_(plain.get_submodule(layer).weight)
        at_once.load_state_dict(plain.state_dict())
        logits = plain(images)
        assert logits.std() > 0.01
        torch.testing.assert_close(at_once(images), scale * logits, rtol=1e-4, atol=1e-7)


def test_fcn32s_has_no_skips_to_scale():
    with pytest.raises(SeptumError, match="no option 'at_once'"):
        create_network("fcn32s", 2, 1, 2, at_once=True)


def test_batch_normalised_features_are_not_scaled():
    with pytest.raises(SeptumError, match="at_once: is for vgg16: with vgg16_bn"):
        create_network("fcn8s", 2, 1, 2, width=1 / 16, backbone="vgg16_bn", at_once=True)


@every
def test_dropout_after_both_fully_connected_layers(name):
    network = fcn(name, width=1 / 16, dropout=0.5)
    seen = []
    for layer in (network.fc7, network.score_fr):  # what follows a dropout
        layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network(torch.rand(1, 1, 224, 224))
        network.train()(torch.rand(1, 1, 224, 224))
    assert len(seen) == 4
    for still, dropped in zip(seen[:2], seen[2:], strict=True):
        # ReLU leaves about half, dropout half of that
        alive, left = ((x > 0).float().mean().item() for x in (still, dropped))
        assert left == pytest.approx(alive / 2, rel=0.15)


def test_sizes():
    assert fcn("fcn8s", width=1 / 64).legal_size((1, 37)) == (1, 37)
    normed = fcn("fcn8s", 3, width=1 / 64, backbone="vgg16_bn")
    assert normed.legal_size((1, 37, 17)) == (17, 37, 17)
    # a batch of one image: the lowest normalisation still has more than one value
    assert normed.train()(torch.randn(1, 1, 17, 17, 17)).shape == (1, 2, 17, 17, 17)
    with pytest.raises(SeptumError, match="pad to 17 × 17 × 40"):
        normed(torch.randn(1, 1, 17, 16, 40))
