"""Tiled prediction equals whole-image prediction, shows no seams and stays in bounds."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import Pointwise
from torch import nn
from torch.nn import functional as nnf

from septum.errors import SeptumError
from septum.inference.tile_grid import plan_windows
from septum.inference.tiling import auto_tile, predict_tiled
from septum.networks.unet import UNet


class Constant(Pointwise):
    def predict(self, images):
        return torch.full((len(images), 3, *images.shape[2:]), 0.1)


class Padded(nn.Module):
    """Two padded 3×3 convolutions about a 2×2 pooling: a receptive field of 5 px each side."""

    margin = 0
    stride = 2
    radius = 5

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 2, 3, padding=1)

    def undo_symmetry(self, spatial_dims, order, flips):
        return [], []

    def legal_size(self, size):
        return tuple(-(-s // 2) * 2 for s in size)

    def predict(self, images):
        low = self.second(nnf.max_pool2d(torch.relu(self.first(images)), 2))
        return nnf.interpolate(low, scale_factor=2, mode="nearest").softmax(1)


class Valid(nn.Module):
    """The U-Net of the paper, narrower and shallower: sizes 4 (mod 8), output = input − 88."""

    def __init__(self, dims=2, width=4, depth=3):
        super().__init__()
        torch.manual_seed(0)
        self.network = UNet(dims, 1, 2, width=width, depth=depth)
        self.margin = self.network.margin
        self.stride = self.network.stride
        self.legal_size = self.network.legal_size

    def predict(self, images):
        return self.network(images).softmax(1)


@pytest.fixture
def same_sums():
    """Convolutions that add up in one order whatever the size of the image.

    Those of oneDNN do so for some widths (8, 16, 64 channels) and not for others (4).
    """
    with torch.backends.mkldnn.flags(enabled=False, allow_tf32=None):
        yield


def image_of(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def whole_valid(network, image):
    """Predict the mirrored image in one go, with numpy's own padding."""
    spatial = image.shape[1:]
    size = network.legal_size([n + 2 * network.margin for n in spatial])
    pad = [(network.margin, s - n - network.margin) for s, n in zip(size, spatial, strict=True)]
    padded = np.pad(image, [(0, 0), *pad], mode="reflect")
    with torch.inference_mode():
        result = network.predict(torch.from_numpy(padded[None]))[0].numpy()
    return result[(slice(None), *(slice(0, n) for n in spatial))]


@pytest.mark.parametrize(
    ("spatial", "tile"),
    [
        ((150, 131), (108, 116)),
        ((101, 260), (140, 140)),
        ((30, 33), (100, 100)),  # smaller than the margin: mirrored more than once
        ((1, 90), (92, 92)),  # the smallest tile yields less than the stride
    ],
)
def test_valid_network_equals_whole_image_bit_for_bit(spatial, tile, same_sums):
    network, image = Valid().eval(), image_of(1, *spatial)
    tiled = predict_tiled(network, image, tile=tile, batch=3)
    np.testing.assert_array_equal(tiled, whole_valid(network, image))


def test_valid_network_equals_whole_image_with_any_convolution():
    network, image = Valid(width=16).eval(), image_of(1, 150, 131)
    tiled = predict_tiled(network, image, tile=(108, 116), batch=3)
    np.testing.assert_allclose(tiled, whole_valid(network, image), rtol=0, atol=1e-5)


def test_valid_network_in_three_dimensions(same_sums):
    network, image = Valid(dims=3, depth=2).eval(), image_of(1, 9, 20, 17)
    tiled = predict_tiled(network, image, tile=(44, 52, 44), batch=1)
    np.testing.assert_array_equal(tiled, whole_valid(network, image))


def test_outputs_that_abut_would_not_equal_the_whole_image():
    # the reason for the step: 108 - 88 = 20 is no multiple of 8
    network, image = Valid().eval(), image_of(1, 150, 131)
    padded = np.pad(image, [(0, 0), (44, 64), (44, 64)], mode="reflect")
    with torch.inference_mode():
        second = network.predict(torch.from_numpy(padded[None, :, 20:128, 20:128]))[0].numpy()
    assert np.abs(second - whole_valid(network, image)[:, 20:40, 20:40]).max() > 1e-4


@settings(max_examples=60, deadline=None)
@given(
    spatial=st.lists(st.integers(1, 23), min_size=1, max_size=3),
    tile=st.integers(1, 16),
    overlap=st.floats(0, 0.95),
    stride=st.integers(1, 5),
    batch=st.integers(1, 7),
    tta=st.booleans(),
)
def test_pointwise_network_equals_whole_image(spatial, tile, overlap, stride, batch, tta):
    image = image_of(2, *spatial)
    tiled = predict_tiled(
        Pointwise(stride), image, tile=[tile] * len(spatial), overlap=overlap, batch=batch, tta=tta
    )
    expected = 1 / (1 + np.exp(-image[0].astype(float)))
    assert tiled.dtype == np.float32
    # sigmoid and the mean over symmetries are float32
    np.testing.assert_allclose(tiled, [1 - expected, expected], rtol=0, atol=1e-6)


@pytest.mark.parametrize("overlap", [0, 0.25, 0.6])
@pytest.mark.parametrize("spatial", [(70, 45), (20, 33, 17)])
def test_constant_network_stays_exactly_constant(spatial, overlap):
    image = np.zeros((1, *spatial), np.float32)
    tiled = predict_tiled(Constant(), image, tile=[16] * len(spatial), overlap=overlap)
    assert np.unique(tiled).tolist() == [np.float32(0.1)]


def test_padded_network_equals_whole_image_away_from_tile_borders():
    network, image = Padded(), image_of(1, 150, 151)
    with torch.inference_mode():
        padded = np.pad(image, [(0, 0), (0, 0), (0, 1)], mode="reflect")
        whole = network.predict(torch.from_numpy(padded[None]))[0, :, :, :151].numpy()
    tiled = predict_tiled(network, image, tile=(64, 64), overlap=0.25)
    axes = plan_windows(network, (150, 151), (64, 64), 0.25)
    clean = np.ones((150, 151), bool)
    for axis, lines in zip(axes, (clean, clean.T), strict=True):
        for start in axis.starts:
            for edge in (start, start + 64):
                if 0 < edge < axis.length:  # the image's own border is the same in both
                    lines[max(0, edge - network.radius) : edge + network.radius] = False
    assert 0.4 < clean.mean() < 0.9
    np.testing.assert_allclose(tiled[:, clean], whole[:, clean], rtol=0, atol=1e-6)
    # elsewhere the polluted border weighs next to nothing
    assert np.abs(tiled - whole).max() < 0.01
    assert np.abs(tiled - whole).max() > 1e-6


@pytest.mark.parametrize(
    ("spatial", "planes", "passes"),
    [
        ((8, 8), None, 8),
        ((8, 8), [], 4),
        ((8, 8, 8), [(1, 2)], 16),
        ((8, 8, 8), [(0, 2)], 16),
        ((8, 8, 8), [(0, 1), (1, 2)], 48),
        ((8, 8, 8), None, 48),
    ],
)
def test_test_time_augmentation_runs_every_symmetry_once(spatial, planes, passes):
    class Recorder(Pointwise):
        def predict(self, images):
            self.seen.append(images.numpy().tobytes())
            return super().predict(images)

    network, image = Recorder(), image_of(1, *spatial)
    predict_tiled(network, image, tile=spatial, tta=True, planes=planes)
    assert len({seen for seen in network.seen if isinstance(seen, bytes)}) == passes


def test_test_time_augmentation_makes_the_prediction_symmetric():
    network, image = Padded(), image_of(1, 32, 32)
    plain = predict_tiled(network, image, tile=(32, 32))
    assert np.abs(np.rot90(plain, 1, (1, 2)) - plain).max() > 0.01
    one = predict_tiled(network, image, tile=(32, 32), tta=True)
    turned = np.ascontiguousarray(np.rot90(image, 1, (1, 2)))
    other = predict_tiled(network, turned, tile=(32, 32), tta=True)
    np.testing.assert_allclose(np.rot90(one, 1, (1, 2)), other, atol=1e-6)
    # by hand: the mean over flips and rotations, each undone
    copies = []
    for k in range(4):
        for flip in (False, True):
            view = np.rot90(image[0], k)
            view = view[:, ::-1] if flip else view
            result = predict_tiled(network, view[None].copy(), tile=(32, 32))
            result = result[..., ::-1] if flip else result
            copies.append(np.rot90(result, -k, (1, 2)))
    np.testing.assert_allclose(one, np.mean(copies, 0), atol=1e-6)


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), "cpu"]
)
def test_out_of_memory_halves_the_batch_and_says_so(caplog, error):
    if error == "cpu":
        error = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")

    class Small(Pointwise):
        def predict(self, images):
            if len(images) > 3:
                raise error
            return super().predict(images)

    network, image = Small(), image_of(1, 60, 60)
    with caplog.at_level(logging.WARNING, logger="septum"):
        tiled = predict_tiled(network, image, tile=(16, 16), batch=8)
    np.testing.assert_array_equal(tiled, predict_tiled(Pointwise(), image, tile=(16, 16), batch=1))
    assert [r.getMessage() for r in caplog.records] == [
        "out of memory on cpu with 5 tiles at a time: going on with 2 (predict.batch)"
    ]
    assert all(shape[0] <= 2 for shape in network.seen)


def test_out_of_memory_on_one_tile_is_an_error_with_a_remedy():
    class Hungry(Pointwise):
        def predict(self, images):
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(SeptumError, match=r"predict\.tile: a tile of 16×20 pixels does not fit"):
        predict_tiled(Hungry(), image_of(1, 60, 60), tile=(16, 20))


def test_other_errors_of_the_network_are_not_swallowed():
    class Broken(Pointwise):
        def predict(self, images):
            raise RuntimeError("shape mismatch")

    with pytest.raises(RuntimeError, match="shape mismatch"):
        predict_tiled(Broken(), image_of(1, 8, 8), tile=(8, 8))


def test_training_mode_is_given_back():
    network = Pointwise().train()
    predict_tiled(network, image_of(1, 8, 8), tile=(8, 8))
    assert network.training


def test_auto_tile_grows_with_the_patch():
    assert auto_tile((128, 128), 0) == (512, 512)
    assert auto_tile((700, 700), 0) == (700, 700)
    assert auto_tile((16, 32, 32), 0) == (32, 64, 64)


def test_auto_tile_holds_the_margin_once():
    # the U-Net paper: 572 px are shown, 388 predicted; twice as many would take 960 px
    assert auto_tile((572, 572), 92) == (572, 572)
    # 132 px are predicted of 316; twice as many take 264 + 184
    assert auto_tile((316, 316), 92) == (448, 448)
    assert auto_tile((28, 28, 28), 4) == (48, 48, 48)  # 20³ of 28³, then 40³ of 48³


def test_turned_vectors_are_turned_back_before_they_are_averaged():
    class Gradient(Pointwise):
        """Two vector channels: the slope of the image along each axis."""

        def undo_symmetry(self, spatial_dims, order, flips):
            index = [order.index(axis) for axis in range(2)]
            return index, [-1.0 if new in flips else 1.0 for new in index]

        def predict(self, images):
            return torch.cat([torch.gradient(images, dim=axis)[0] for axis in (2, 3)], 1)

    image = np.random.default_rng(0).random((1, 8, 8)).astype(np.float32)
    once = predict_tiled(Gradient(), image, tile=(8, 8))
    averaged = predict_tiled(Gradient(), image, tile=(8, 8), tta=True)
    # central differences know no direction, so every turn gives the same vectors
    np.testing.assert_allclose(averaged, once, atol=1e-6)
    np.testing.assert_allclose(once[0, 1:-1], (image[0, 2:] - image[0, :-2]) / 2, atol=1e-6)


def test_symmetries_that_the_channels_do_not_have_are_left_out():
    class Upright(Pointwise):
        def undo_symmetry(self, spatial_dims, order, flips):
            return ([], []) if order == (0, 1) and not flips else None

    segmenter = Upright()
    image = np.random.default_rng(0).random((1, 8, 8)).astype(np.float32)
    predict_tiled(segmenter, image, tile=(8, 8), tta=True)
    assert len(segmenter.seen) == 1
