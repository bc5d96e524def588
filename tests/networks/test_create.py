"""Every network: shapes, gradients, size arithmetic, parameter counts, and what it can learn."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from septum.config import registry
from septum.errors import SeptumError
from septum.networks import create as models

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
small = pytest.mark.parametrize(
    ("name", "options"), SMALL, ids=lambda v: v if isinstance(v, str) else _words(v)
)
dims = pytest.mark.parametrize("spatial_dims", [2, 3])


def _words(options):
    return ",".join(f"{key}={value}" for key, value in options.items())


def _network(name, spatial_dims, in_channels=1, out_channels=3, seed=0, **options):
    torch.manual_seed(seed)
    network = models.create(name, spatial_dims, in_channels, out_channels, **options)
    for parameter in network.parameters():
        if parameter.ndim > 1 and not parameter.any():
            # FCN's scores start at zero: all before them would be hidden
            nn.init.kaiming_normal_(parameter)
    return network


def _parameters(name, *channels, **options):
    with torch.device("meta"):
        network = models.create(name, *channels, **options)
    return sum(p.numel() for p in network.parameters())


@small
@dims
def test_output_is_margin_smaller_at_every_legal_size(name, options, spatial_dims):
    network = _network(name, spatial_dims, in_channels=2, **options).eval()
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
    network = _network(name, spatial_dims, **options).eval()
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


@small
@dims
def test_gradient_reaches_every_parameter(name, options, spatial_dims):
    network = _network(name, spatial_dims, **options)
    images = torch.randn(2, 1, *network.legal_size([20] * spatial_dims))
    for _, logits in network.training_logits(images):
        (logits * torch.randn_like(logits)).sum().backward(retain_graph=True)
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@small
@dims
def test_weights_survive_a_file(name, options, spatial_dims):
    network = _network(name, spatial_dims, **options)
    images = torch.randn(2, 1, *network.legal_size([20] * spatial_dims))
    network(images)  # moves running statistics away from their start
    other = _network(name, spatial_dims, seed=1, **options)
    other.load_state_dict(load(save(network.state_dict())))
    with torch.no_grad():
        assert torch.equal(network.eval()(images), other.eval()(images))


@small
def test_evaluation_is_deterministic_and_does_not_mix_images(name, options):
    network = _network(name, 2, **options).eval()
    images = torch.randn(3, 1, *network.legal_size([20, 24]))
    with torch.no_grad():
        whole = network(images)
        assert torch.equal(whole, network(images))
        torch.testing.assert_close(network(images[1:2]), whole[1:2], rtol=1e-4, atol=1e-5)


@small
@dims
def test_overfits_one_patch(name, options, spatial_dims):
    # dropout off: the question is whether gradients lead where they should
    off = {"dropout": 0.0} if "dropout" in models.check_options(name, {}) else {}
    network = _network(name, spatial_dims, out_channels=2, **{**options, **off})
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
    lr = 0.003 if models.check_options(name, options).get("backbone") == "vgg16" else 0.01
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


@small
@dims
@pytest.mark.parametrize("layout", ["channels_last", "bfloat16"])
def test_layout_and_precision_change_little(name, options, spatial_dims, layout):
    network = _network(name, spatial_dims, **options).eval()
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


# --- U-Net -------------------------------------------------------------------------------


def test_unet_is_the_paper_s():
    network = _network("unet", 2, width=2, out_channels=2).eval()
    assert network.margin == 92
    assert network(torch.zeros(1, 1, 572, 572)).shape == (1, 2, 388, 388)
    with torch.device("meta"):
        full = models.create("unet", 2, 1, 2)
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
        assert _parameters("unet", spatial_dims, 3, 4, **options) == expected


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
        network = models.create("unet", 2, 1, 2, width=1, depth=depth)
    legal = [size for size in range(1, 1200) if _by_hand(size, depth)]
    assert {network.legal_size([size])[0] for size in range(1, legal[-1] + 1)} == set(legal)
    assert all((size - _by_hand(size, depth)) == 2 * network.margin for size in legal)
    if depth == 4:
        assert legal[:3] == [188, 204, 220]
        assert {s % 16 for s in legal} == {12}


def test_legal_sizes_of_padded_networks():
    with torch.device("meta"):
        bare = models.create("unet", 2, 1, 2, width=1, depth=3, padded=True)
        normed = models.create("unet", 3, 1, 2, width=1, depth=3, padded=True, norm="batch")
    assert bare.legal_size((1, 8, 9)) == (8, 8, 16)
    assert normed.legal_size((1, 17, 32)) == (16, 24, 32)
    assert bare.margin == normed.margin == 0


@pytest.mark.parametrize("size", [(188, 189), (187, 188), (572, 16)])
def test_other_sizes_are_refused(size):
    network = _network("unet", 2, width=1)
    with pytest.raises(SeptumError, match="the next size it accepts"):
        network(torch.zeros(1, 1, *size))


@pytest.mark.parametrize(("name", "uniform"), [("unet", False), ("dense_unet", True)])
def test_initial_weights_follow_he(name, uniform):
    options = {"width": 48, "depth": 2} if name == "unet" else {"depth": 2, "growth": 24}
    network = _network(name, 2, **options)
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
    network = _whole_numbers(_network("unet", spatial_dims, width=2, depth=depth), seed=4)
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
    network = _network("unet", spatial_dims, width=2, depth=depth, padded=padded, out_channels=1)
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


# --- Dense U-Net -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "millions"),
    [
        ({}, 1.5),
        ({"growth": 16, "layers": 5}, 3.5),
        ({"growth": 16, "layers": [4, 5, 7, 10, 12, 15]}, 9.4),
    ],
    ids=["FC-DenseNet56", "FC-DenseNet67", "FC-DenseNet103"],
)
def test_fc_densenet_parameters(options, millions):
    # the paper's table 3 (CamVid, 11 classes), given to one decimal
    assert _parameters("dense_unet", 2, 3, 11, **options) / 1e6 == pytest.approx(millions, abs=0.13)


@dims
@pytest.mark.parametrize("bottleneck", [False, True])
def test_dense_unet_parameters_by_layer(spatial_dims, bottleneck):
    growth, counts = 16, [4, 5, 7, 10, 12, 15]

    def layer(n_in, n_out, kernel):  # batch normalisation and a convolution without bias
        return 2 * n_in + n_in * n_out * kernel**spatial_dims

    def block(n_in, count):
        total = 0
        for _ in range(count):
            if bottleneck:
                total += layer(n_in, 4 * growth, 1) + layer(4 * growth, growth, 3)
            else:
                total += layer(n_in, growth, 3)
            n_in += growth
        return total

    channels, skips = 48, []
    expected = 3 * channels * 3**spatial_dims
    for count in counts[:-1]:
        expected += block(channels, count)
        channels += count * growth
        skips.append(channels)
        expected += layer(channels, channels, 1)
    # channels at the foot of each level, the paper's table 2
    assert skips == [112, 192, 304, 464, 656]
    expected += block(channels, 15)
    for new, skip, count in zip([15, 12, 10, 7, 5], skips[::-1], counts[-2::-1], strict=True):
        expected += (new * growth) ** 2 * 3**spatial_dims
        channels = skip + new * growth
        expected += block(channels, count)
    assert channels + 4 * growth == 256
    expected += 256 * 11 + 11
    options = {"growth": growth, "layers": counts, "bottleneck": bottleneck}
    assert _parameters("dense_unet", spatial_dims, 3, 11, **options) == expected


# --- the table ---------------------------------------------------------------------------


def test_every_network_of_the_table_is_tested():
    maps = [name for name, record in registry.NETWORKS.items() if record.head is None]
    assert sorted(maps) == sorted({name for name, _ in SMALL})
    for name in maps:
        # variants of a name may share a module (fcn8s: fcn); a library's name is part of it
        file = name.replace(":", "_").lower()
        assert f"septum.networks.create.{file}".startswith(models.module(name))


def test_listing_names_imports_no_torch():
    names = "from septum.networks.create import module, names; module(names()[0])"
    code = f"import sys; {names}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("name", "options", "messages"),
    [
        ("unett", {}, ["unett", "segnet, unet, unetpp"]),
        ("unet", {"widht": 8}, ["options.widht", "did you mean 'width'?"]),
        ("unet", {"zzz": 8}, ["options.zzz", "choose one of: attention, depth, dropout"]),
        ("unet", {"depth": "four"}, ["options.depth", "'four'", "integer"]),
        ("unet", {"depth": 2.5}, ["options.depth", "2.5"]),
        ("unet", {"depth": True}, ["options.depth", "True"]),
        ("unet", {"depth": 0}, ["options.depth", "greater than or equal to 1"]),
        ("unet", {"padded": 1}, ["options.padded", "boolean"]),
        ("unet", {"dropout": 1.5}, ["options.dropout", "less than 1"]),
        ("unet", {"norm": "layer"}, ["options.norm", "'none', 'batch', 'instance' or 'group'"]),
        ("unet", {"widht": 8, "depth": 0}, ["options.widht", "options.depth"]),
        ("dense_unet", {"layers": "many"}, ["options.layers", "integer", "list"]),
        ("dense_unet", {"layers": [1, 0, 1]}, ["options.layers", "greater than or equal to 1"]),
        ("dense_unet", {"layers": [1, 2]}, ["options.layers", "2 entries for 6 levels"]),
    ],
)
def test_wrong_names_and_options(name, options, messages):
    with pytest.raises(SeptumError) as error:
        models.create(name, 2, 1, 2, **options)
    for message in messages:
        assert message in str(error.value)


@pytest.mark.parametrize(
    ("name", "key", "value", "remedy"),
    [
        ("deeplabv3", "rates", [6, 12], "give a list of 3 values"),
        ("deeplabv3", "rates", [], "give a list of 3 values"),
        ("deeplabv3", "rates", [6, 12, 18, 24], "give a list of 3 values"),
        ("deeplabv3", "rates", 5, "give a list of 3 values"),
        ("deeplabv3", "rates", None, "give a list of 3 values"),
        ("deeplabv2", "rates", [], "give a list of 1 or more values"),
        ("deeplabv2", "rates", 6, "give a list of 1 or more values"),
        ("mask_rcnn", "anchor_sizes", [], "give a list of 1 to 5 values"),
        ("mask_rcnn", "anchor_sizes", [8] * 6, "give a list of 1 to 5 values"),
        ("mask_rcnn", "anchor_sizes", 8, "give a list of 1 to 5 values"),
        ("monai:SegResNet", "blocks_down", 3, "give a list of 2 to 8 values"),
        ("monai:SwinUNETR", "depths", [2, 2], "give a list of 4 values"),
        ("dense_unet", "layers", "all", "input should be a valid integer; or: give a list"),
    ],
)
def test_wrong_lists_are_told_in_plain_words(name, key, value, remedy):
    with pytest.raises(SeptumError) as error:
        models.check_options(name, {key: value})
    problem = error.value.problems[0]
    assert (problem.where, problem.what) == (f"options.{key}", f"cannot be {value!r}")
    assert problem.remedy == remedy


@pytest.mark.parametrize("channels", [(4, 1, 2), (2, 0, 2), (3, 1, 0), ("2", 1, 1)])
def test_wrong_channels(channels):
    with pytest.raises(SeptumError, match="cannot be"):
        models.create("unet", *channels)


def test_options_are_filled_in():
    assert models.check_options("unet", {"width": 8, "norm": "batch"}) == {
        "width": 8,
        "depth": 4,
        "padded": False,
        "norm": "batch",
        "residual": False,
        "attention": False,
        "dropout": 0.5,
    }
    with pytest.raises(SeptumError, match=r"experiments\.a\.options\.with"):
        models.check_options("unet", {"with": 8}, where="experiments.a.options")
