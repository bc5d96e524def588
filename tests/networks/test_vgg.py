"""VGG-16: torchvision's names, and features computed a second way."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from septum.networks.blocks import initialise
from septum.networks.vgg import VGG

# the paper's configuration D; M is a pooling
CONFIGURATION = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M")
CONFIGURATION += (512, 512, 512, "M") * 2
CONV = {2: F.conv2d, 3: F.conv3d}
POOL = {2: F.max_pool2d, 3: F.max_pool3d}


def published(norm):
    """Return names and shapes of torchvision's vgg16 and vgg16_bn, without the classifier."""
    shapes, number, channels = {}, 0, 3
    for item in CONFIGURATION:
        if item == "M":
            number += 1
            continue
        shapes[f"features.{number}.weight"] = (item, channels, 3, 3)
        shapes[f"features.{number}.bias"] = (item,)
        channels = item
        if norm:
            for kind in ("weight", "bias", "running_mean", "running_var"):
                shapes[f"features.{number + 1}.{kind}"] = (channels,)
            shapes[f"features.{number + 1}.num_batches_tracked"] = ()
        number += 3 if norm else 2  # and the ReLU
    return shapes


@pytest.mark.parametrize("norm", [False, True])
def test_names_and_shapes_are_torchvision_s(norm):
    with torch.device("meta"):
        state = VGG(2, 3, norm=norm).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == published(norm)
    # as its files list them: the last convolution of vgg16 and of vgg16_bn
    last = "features.40.weight" if norm else "features.28.weight"
    assert state[last].shape == (512, 512, 3, 3)
    parameters = sum(t.numel() for name, t in state.items() if name.endswith(("weight", "bias")))
    assert parameters == 14_714_688 + (8_448 if norm else 0)


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("size", [(45, 38), (17, 33, 2)])
def test_features_by_hand(norm, size):
    torch.manual_seed(0)
    encoder = VGG(len(size), 2, norm=norm, width=1 / 16).eval()
    initialise(encoder)
    state = encoder.state_dict()
    for name, tensor in state.items():  # nothing at its neutral value
        if tensor.ndim == 1:
            tensor.uniform_(0.5, 1.5) if "var" in name else tensor.normal_(0, 0.1)
    images = torch.randn(2, 2, *size)
    x, number, expected = images, 0, []
    for item in CONFIGURATION:
        if item == "M":
            x = POOL[len(size)](x, 2, ceil_mode=True)
            expected.append(x)
            number += 1
            continue
        name = f"features.{number}"
        x = CONV[len(size)](x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)
        if norm:
            name = f"features.{number + 1}"
            shape = (1, -1, *[1] * len(size))
            mean, var, scale, shift = (
                state[f"{name}.{kind}"].view(shape)
                for kind in ("running_mean", "running_var", "weight", "bias")
            )
            x = (x - mean) / (var + 1e-5).sqrt() * scale + shift
        x = x.relu()
        number += 3 if norm else 2
    with torch.no_grad():
        features = encoder(images)
    assert len(features) == len(expected) == 5
    for got, wanted in zip(features, expected, strict=True):
        assert wanted.std() > 1e-3
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-6)
    # sizes are halved upwards: no row or column is lost
    assert features[-1].shape[2:] == tuple(-(-s // 32) for s in size)


def test_width_multiplies_channels():
    assert VGG(2, 1, width=1 / 16).channels == (4, 8, 16, 32, 32)
    assert VGG(2, 1, width=0.1).channels == (6, 13, 26, 51, 51)
    assert VGG(3, 1, width=1 / 64).channels == (1, 2, 4, 8, 8)
