"""Every network: shapes, gradients, size arithmetic, files, and what it can learn."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load, save
from small_networks import network_of
from torch import nn

from septum.config import registry
from septum.errors import SeptumError
from septum.networks.create import check_options, network_module

# Small versions of every network and option; each runs in 2-D and 3-D.
SMALL = [
    ("deeplabv2", {"backbone": "resnet18", "width": 1 / 16}),
    ("deeplabv2", {"backbone": "vgg16_bn", "width": 1 / 16, "rates": [1, 2]}),
    ("deeplabv3", {"backbone": "resnet18", "width": 1 / 16, "output_stride": 8}),
    ("deeplabv3plus", {"backbone": "resnet50", "width": 1 / 16, "auxiliary": 0.4}),
    ("fcn16s", {"width": 1 / 32}),
    ("fcn32s", {"width": 1 / 32, "backbone": "vgg16_bn"}),
    ("fcn8s", {"width": 1 / 32}),
    ("fcn8s", {"width": 1 / 32, "backbone": "vgg16_bn"}),
    ("segnet", {"width": 1 / 8}),
    ("unet", {"width": 4, "depth": 1}),
    ("unet", {"width": 4, "depth": 1, "residual": True, "norm": "group"}),
    ("unet", {"width": 8, "depth": 2, "padded": True}),
    ("unet", {"width": 4, "depth": 2, "padded": True, "norm": "batch"}),
    ("unet", {"width": 4, "depth": 1, "padded": True, "norm": "instance", "residual": True}),
    ("unet", {"width": 8, "depth": 2, "padded": True, "norm": "group", "dropout": 0.0}),
    ("unet", {"width": 4, "depth": 2, "padded": True, "norm": "batch", "attention": True}),
    ("unetpp", {"width": 4, "depth": 2, "norm": "group", "residual": True}),
    ("unetpp", {"width": 4, "depth": 2, "deep_supervision": True}),
    ("dense_unet", {"width": 4, "growth": 4, "layers": 2, "depth": 2}),
    ("dense_unet", {"width": 4, "growth": 4, "layers": [1, 3], "depth": 1, "norm": "instance"}),
    ("dense_unet", {"width": 4, "growth": 2, "layers": 2, "depth": 1, "bottleneck": True}),
    ("dense_unet", {"width": 4, "growth": 4, "layers": 1, "depth": 2, "attention": True}),
    ("monai:DynUNet", {"width": 4, "depth": 3}),
    ("monai:DynUNet", {"width": 4, "depth": 2, "anisotropy": 2.0, "residual": True}),
    ("monai:MedNeXt", {"width": 4, "variant": "S"}),
    ("monai:SegResNet", {"width": 4, "blocks_down": [1, 1, 1], "blocks_up": [1, 1]}),
    ("monai:SwinUNETR", {"width": 12, "depths": [1, 1, 2, 1], "window": 2, "norm": "group"}),
    ("pspnet", {"backbone": "resnet18", "width": 1 / 16}),
    ("pspnet", {"backbone": "resnet18", "width": 1 / 8, "norm": "group", "auxiliary": 0.0}),
]
# Pixels of the image per logit, where that is more than one.
GRAIN = {
    "deeplabv2": 8,
    "deeplabv3": 8,
    "deeplabv3plus": 4,
    "fcn16s": 16,
    "fcn32s": 32,
    "fcn8s": 8,
    "pspnet": 8,
}
# One variant of every network, with as many of its parts as go together: what is asked of single
# parts (gradients, files, layouts) is asked of these, what concerns sizes of all variants.
WITH_ALL_PARTS = [
    ("deeplabv2", {"backbone": "resnet18", "width": 1 / 16}),
    (
        "deeplabv3",
        {"backbone": "resnet18", "width": 1 / 16, "output_stride": 8, "auxiliary": 0.4},
    ),
    ("deeplabv3plus", {"backbone": "resnet50", "width": 1 / 16, "auxiliary": 0.4}),
    ("fcn16s", {"width": 1 / 32}),
    ("fcn32s", {"width": 1 / 32, "backbone": "vgg16_bn"}),
    ("fcn8s", {"width": 1 / 32}),
    ("segnet", {"width": 1 / 8}),
    (
        "unet",
        {
            "width": 4,
            "depth": 2,
            "padded": True,
            "norm": "batch",
            "residual": True,
            "attention": True,
        },
    ),
    (
        "unetpp",
        {"width": 4, "depth": 2, "norm": "group", "residual": True, "deep_supervision": True},
    ),
    (
        "dense_unet",
        {
            "width": 4,
            "growth": 2,
            "layers": [1, 2, 1],
            "depth": 2,
            "bottleneck": True,
            "attention": True,
        },
    ),
    ("monai:DynUNet", {"width": 4, "depth": 2, "anisotropy": 2.0, "residual": True}),
    ("monai:MedNeXt", {"width": 4, "variant": "S"}),
    ("monai:SegResNet", {"width": 4, "blocks_down": [1, 1, 1], "blocks_up": [1, 1]}),
    ("monai:SwinUNETR", {"width": 12, "depths": [1, 1, 2, 1], "window": 2, "norm": "group"}),
    ("pspnet", {"backbone": "resnet18", "width": 1 / 16}),
]


def _words(options):
    return ",".join(f"{key}={value}" for key, value in options.items())


def _variants(networks):
    ids = [f"{name}-{_words(options)}" for name, options in networks]
    return pytest.mark.parametrize(("name", "options"), networks, ids=ids)


small = _variants(SMALL)
with_all_parts = _variants(WITH_ALL_PARTS)
dims = pytest.mark.parametrize("spatial_dims", [2, 3])


@small
@dims
def test_output_is_margin_smaller_at_every_legal_size(name, options, spatial_dims):
    network = network_of(name, spatial_dims, in_channels=2, **options).eval()
    for wanted in [(1, 21, 16), (19, 1, 25)]:
        size = network.legal_size(wanted[:spatial_dims])
        assert all(s >= w for s, w in zip(size, wanted, strict=False))
        assert network.legal_size(size) == size
        with torch.no_grad():
            logits = network(torch.randn(2, 2, *size))
        assert logits.shape == (2, 3, *(s - 2 * network.margin for s in size))
        assert min(logits.shape) > 0


@small
@dims
def test_an_image_too_small_is_refused(name, options, spatial_dims):
    network = network_of(name, spatial_dims, **options).eval()
    size, legal = (1,) * spatial_dims, network.legal_size((1,) * spatial_dims)
    assert min(legal) > 1 or name.startswith("fcn")  # which are made for any size
    if legal == size:
        assert network(torch.zeros(1, 1, *size)).shape == (1, 3, *size)
        return
    with pytest.raises(SeptumError) as error:
        network(torch.zeros(1, 1, *size))
    (problem,) = error.value.problems
    assert problem.what.endswith(f"does not accept {' × '.join('1' * spatial_dims)}")
    assert f"pad to {' × '.join(map(str, legal))}, the next size" in problem.remedy


@with_all_parts
@dims
def test_gradient_reaches_every_parameter(name, options, spatial_dims):
    network = network_of(name, spatial_dims, **options)
    images = torch.randn(2, 1, *network.legal_size([20] * spatial_dims))
    for _, logits in network.training_logits(images):
        (logits * torch.randn_like(logits)).sum().backward(retain_graph=True)
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@with_all_parts
@dims
def test_weights_survive_a_file(name, options, spatial_dims):
    network = network_of(name, spatial_dims, **options)
    images = torch.randn(2, 1, *network.legal_size([20] * spatial_dims))
    network(images)  # moves running statistics away from their start
    other = network_of(name, spatial_dims, seed=1, **options)
    other.load_state_dict(load(save(network.state_dict())))
    with torch.no_grad():
        assert torch.equal(network.eval()(images), other.eval()(images))


@with_all_parts
def test_evaluation_is_deterministic_and_does_not_mix_images(name, options):
    network = network_of(name, 2, **options).eval()
    images = torch.randn(3, 1, *network.legal_size([20, 24]))
    with torch.no_grad():
        whole = network(images)
        assert torch.equal(whole, network(images))
        torch.testing.assert_close(network(images[1:2]), whole[1:2], rtol=1e-4, atol=1e-5)


@with_all_parts
@dims
def test_overfits_one_patch(name, options, spatial_dims):
    # dropout off: the question is whether gradients lead where they should
    off = {"dropout": 0.0} if "dropout" in check_options(name, {}) else {}
    network = network_of(name, spatial_dims, out_channels=2, **{**options, **off})
    rng = torch.Generator().manual_seed(3)
    grain = GRAIN.get(name, 1)
    wanted = max(8, min(2 * grain, 32) + 1)
    images = torch.randn(2, 1, *network.legal_size([wanted] * spatial_dims), generator=rng)
    size = [s - 2 * network.margin for s in images.shape[2:]]
    # as fine as the logits can be
    coarse = torch.rand(2, 1, *((s - 1) // grain + 1 for s in size), generator=rng) - 0.3
    mode = ["bilinear", "trilinear"][spatial_dims - 2]
    fine = nn.functional.interpolate(coarse, size, mode=mode, align_corners=True)
    # what is interpolated lies closer to its mean: 30 % of it are less than this
    limit = fine.quantile(0.3) if grain > 1 else 0
    classes = (fine < limit)[:, 0].long()
    # the truth is plain to see in the image, so that few steps are enough
    inner = (..., *(slice(network.margin, network.margin + s) for s in size))
    images[inner] += 3 * classes[:, None]
    # sixteen layers without normalisation bear no larger steps
    lr = 0.003 if check_options(name, options).get("backbone") == "vgg16" else 0.01
    optimizer = torch.optim.Adam(network.parameters(), lr=lr)
    for _ in range(120):
        logits = network(images)
        wrong = (logits.argmax(1) != classes).float().mean()
        if wrong < 0.03:
            break
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits, classes).backward()
        optimizer.step()
    assert wrong < 0.03


@with_all_parts
@dims
@pytest.mark.parametrize("layout", ["channels_last", "bfloat16"])
def test_layout_and_precision_change_little(name, options, spatial_dims, layout):
    network = network_of(name, spatial_dims, **options).eval()
    images = torch.rand(1, 1, *network.legal_size([20] * spatial_dims))
    with torch.no_grad():
        expected = network(images)
        if layout == "channels_last":
            form = [torch.channels_last, torch.channels_last_3d][spatial_dims - 2]
            other = network.to(memory_format=form)(images.contiguous(memory_format=form))
            torch.testing.assert_close(other, expected, rtol=1e-3, atol=1e-4)
        else:
            with torch.autocast("cpu", torch.bfloat16):
                other = network(images).float()
            far = (other - expected).abs() > 0.1 * expected.abs().max()
            # SegNet's untrained maxima are close: rounding moves them, and their values with them
            assert far.float().mean() <= (0.35 if name == "segnet" else 0)


def test_every_network_of_the_table_is_tested():
    maps = sorted(name for name, record in registry.NETWORKS.items() if record.head is None)
    assert maps == sorted({name for name, _ in SMALL})
    assert maps == sorted(name for name, _ in WITH_ALL_PARTS)
    for name in maps:
        # variants of a name may share a module (fcn8s: fcn); a library's name is part of it
        file = name.replace(":", "_").lower()
        assert f"septum.networks.{file}".startswith(network_module(name))
