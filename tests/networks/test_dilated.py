"""What PSPNet and the DeepLabs share: interpolation, sizes, auxiliary logits, a batch of one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from septum.errors import SeptumError
from septum.networks.create import create_network
from septum.networks.dilated import enlarge, pixel_conv_norm_relu
from septum.networks.segmenter import build_segmenter

NETWORKS = {
    "deeplabv2": {},
    "deeplabv3": {"auxiliary": 0.3},
    "deeplabv3plus": {"auxiliary": 0.2},
    "pspnet": {},
}
AUXILIARY = {"deeplabv2": 0.0, "deeplabv3": 0.3, "deeplabv3plus": 0.2, "pspnet": 0.4}
every = pytest.mark.parametrize("name", NETWORKS)
dims = pytest.mark.parametrize("spatial_dims", [2, 3])


def _network(name, spatial_dims=2, **options):
    torch.manual_seed(0)
    options = {"backbone": "resnet18", "width": 1 / 16} | NETWORKS[name] | options
    return create_network(name, spatial_dims, 1, 3, **options)


def test_enlarge_puts_pixels_on_multiples_of_the_factor():
    row = torch.tensor([[[0.0, 4.0, 2.0]]])
    found = enlarge(row, 4, [12])
    assert found.tolist() == [[[0, 1, 2, 3, 4, 3.5, 3, 2.5, 2, 2, 2, 2]]]
    # at n · factor + 1 corners are aligned, as in the papers
    assert enlarge(row, 4, [9]).tolist() == [[[0, 1, 2, 3, 4, 3.5, 3, 2.5, 2]]]
    assert enlarge(row, 1, [3]).tolist() == row.tolist()


@pytest.mark.parametrize("factor", [2, 4, 8, 16])
def test_enlarge_is_linear_along_each_axis(factor):
    rng = np.random.default_rng(0)
    for size in [(17, 30), (18, 21, 35)]:
        coarse = rng.normal(size=[1, 1, *((s - 1) // factor + 1 for s in size)])
        expected = coarse
        for axis, s in enumerate(size, start=2):
            knots = np.arange(coarse.shape[axis]) * factor
            expected = np.apply_along_axis(
                lambda v, s=s, knots=knots: np.interp(np.arange(s), knots, v), axis, expected
            )
        found = enlarge(torch.from_numpy(coarse), factor, size)
        np.testing.assert_allclose(found, expected, atol=1e-12)


def _identity(network):
    """Make a network pass the centre pixel through one channel, and nothing else."""
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            if tensor.ndim == 1:  # of normalisations, and biases
                tensor.fill_(float("bn" in name or "downsample.1" in name))
                tensor.mul_(name.endswith("weight"))
                continue
            tensor.zero_()
            # blocks of a ResNet add nothing to their input
            if ".layer" not in name or "downsample" in name:
                tensor[(0, 0, *(k // 2 for k in tensor.shape[2:]))] = 1
    for layer in network.modules():
        if hasattr(layer, "running_var"):
            layer.eps = 1e-30
    return network.double().eval()


@pytest.mark.parametrize("output_stride", [8, 16])
@pytest.mark.parametrize("backbone", ["resnet18", "vgg16"])
@pytest.mark.parametrize("size", [49, 52, 64])
def test_logits_land_on_their_own_pixels(backbone, output_stride, size):
    # an image that varies along one axis only, its way through the network followed by hand
    options = {"backbone": backbone, "width": 1 / 64, "rates": [1], "output_stride": output_stride}
    network = _identity(create_network("deeplabv2", 2, 1, 1, **options))
    column = np.random.default_rng(1).uniform(size=size)
    image = torch.from_numpy(np.repeat(column[:, None], 20, 1))[None, None]

    def pool(v, stride):  # the maximum of three, centred
        padded = np.pad(v, 1, constant_values=-1)
        return np.maximum(np.maximum(padded[:-2], v), padded[2:])[::stride]

    x = column
    if backbone == "vgg16":
        for stride in (2, 2, 2, output_stride // 8, 1):
            x = pool(x, stride)
    else:
        x = pool(x[::2], 2)[:: output_stride // 4]
    expected = np.interp(np.arange(size), np.arange(len(x)) * output_stride, x)
    with torch.no_grad():
        found = network(image)[0, 0].numpy()
    np.testing.assert_allclose(found, np.repeat(expected[:, None], 20, 1), atol=1e-12)


@every
@pytest.mark.parametrize("output_stride", [8, 16])
def test_sizes(name, output_stride):
    network = _network(name, output_stride=output_stride)
    least = output_stride + 1
    assert network.stride == output_stride
    assert network.legal_size((1, least, least + 1, 128)) == (least, least, least + 1, 128)
    with pytest.raises(SeptumError, match=f"pad to {least} × 40"):
        network(torch.zeros(1, 1, least - 1, 40))


@every
@dims
def test_auxiliary_logits_only_in_training(name, spatial_dims):
    network = _network(name, spatial_dims, dropout=0.0)
    images = torch.rand(2, 1, *network.legal_size([20] * spatial_dims))
    logits = network(images)
    assert isinstance(logits, torch.Tensor)
    found = network.training_logits(images)
    weights = [weight for weight, _ in found]
    assert weights == ([1.0, AUXILIARY[name]] if AUXILIARY[name] else [1.0])
    torch.testing.assert_close(found[0][1], logits)
    for _, extra in found[1:]:
        assert extra.shape == logits.shape
        assert not torch.allclose(extra, logits)
    ((weight, judged),) = network.eval().training_logits(images)
    assert weight == 1.0
    assert torch.equal(judged, network(images))


@pytest.mark.parametrize("name", [name for name, weight in AUXILIARY.items() if weight])
def test_without_a_weight_there_is_no_auxiliary_head(name):
    with_head, without = _network(name), _network(name, auxiliary=0.0)
    assert any("auxiliary" in name for name in with_head.state_dict())
    assert not any("auxiliary" in name for name in without.state_dict())
    assert len(without.training_logits(torch.rand(2, 1, 32, 32))) == 1


@every
@pytest.mark.parametrize("norm", ["batch", "instance", "group"])
def test_one_image_of_the_smallest_size_can_be_learnt_from(name, norm):
    # where the map pooled to one pixel would be normalised over the batch, torch refuses this
    options = {"norm": norm} if name != "deeplabv2" else {}
    network = _network(name, **options)
    images = torch.rand(1, 1, *network.legal_size((1, 1)))
    logits = [logits for _, logits in network.training_logits(images)]
    assert all(torch.isfinite(each).all() for each in logits)
    sum(each.square().mean() for each in logits).backward()
    gradients = {name: p.grad for name, p in network.named_parameters()}
    assert all(torch.isfinite(gradient).all() for gradient in gradients.values())
    pooled = [g for n, g in gradients.items() if n.startswith(("pyramid.levels.0.1", "aspp.pool"))]
    assert all(gradient.any() for gradient in pooled)
    assert len(pooled) == (0 if name == "deeplabv2" else 3)


@dims
def test_pooled_pixel_is_normalised_over_its_own_channels(spatial_dims):
    torch.manual_seed(0)
    layer = pixel_conv_norm_relu(spatial_dims, 5, 8).train()
    x = torch.randn(3, 5, *[1] * spatial_dims)
    projected = torch.einsum("nc...,oc->no...", x, layer[0].weight.flatten(1)).flatten(1)
    mean, deviation = projected.mean(1, keepdim=True), projected.std(1, keepdim=True, correction=0)
    expected = ((projected - mean) / (deviation**2 + 1e-5).sqrt()).clamp(min=0)
    for n in range(3):  # each image as if it were alone
        torch.testing.assert_close(layer(x[n : n + 1]).flatten(), expected[n])
    torch.testing.assert_close(layer(x).flatten(1), expected)
    torch.testing.assert_close(layer.eval()(x).flatten(1), expected)


def test_losses_of_a_segmenter_include_the_auxiliary_ones():
    options = {"backbone": "resnet18", "width": 1 / 16, "dropout": 0.0}
    segmenter = build_segmenter(
        "pspnet", options, spatial_dims=2, in_channels=1, n_classes=1, dice=0.5
    )
    torch.manual_seed(0)
    images, classes = torch.rand(2, 1, 32, 32), torch.randint(0, 2, (2, 32, 32))
    (_, main), (_, extra) = segmenter.network.training_logits(images)
    found = segmenter.losses(images, {"classes": classes})["cross_entropy"]
    entropies = [torch.nn.functional.cross_entropy(logits, classes) for logits in (main, extra)]
    torch.testing.assert_close(found, entropies[0] + 0.4 * entropies[1])
    segmenter.eval()
    losses, _ = segmenter.validate(images, {"classes": classes})
    alone = torch.nn.functional.cross_entropy(segmenter.network(images), classes)
    torch.testing.assert_close(losses["cross_entropy"], alone)
