"""SegNet: unpooling on known arrays, the whole network a second way, the paper's count."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from septum.errors import SeptumError
from septum.networks.create import create_network
from septum.networks.segnet import unpool

ENCODER = [0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40]  # vgg16_bn's convolutions
DECODER = [(0, 3), (1, 3), (2, 3), (3, 2), (4, 1)]  # convolutions of each level but the last one


def segnet(spatial_dims, *channels, seed=0, **options):
    torch.manual_seed(seed)
    return create_network("segnet", spatial_dims, *channels, **options)


def test_unpooling_of_a_2x2_map():
    # the paper's figure 3: values a, b, c, d go back to where the maxima were
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    indices = torch.tensor([[[[4, 3], [8, 15]]]])  # row-major in a 4 × 4 map
    expected = [[0, 0, 0, 2], [1, 0, 0, 0], [3, 0, 0, 0], [0, 0, 0, 4]]
    assert unpool(x, indices, (4, 4))[0, 0].tolist() == expected


def test_unpooling_to_an_odd_size():
    image = torch.tensor([[[[5.0, 1.0, 2.0], [0.0, 3.0, 9.0], [7.0, 8.0, 6.0]]]])
    pooled, indices = F.max_pool2d(image, 2, ceil_mode=True, return_indices=True)
    assert pooled[0, 0].tolist() == [[5, 9], [8, 6]]
    expected = [[5, 0, 0], [0, 0, 9], [0, 8, 6]]
    assert unpool(pooled, indices, (3, 3))[0, 0].tolist() == expected


@pytest.mark.parametrize("size", [(12, 8), (45, 23), (1, 6), (5, 8, 7)])
@pytest.mark.parametrize("channels_last", [False, True])
def test_unpooling_is_torch_s(size, channels_last):
    torch.manual_seed(1)
    dims = len(size)
    image = torch.randn(2, 3, *size)
    if channels_last:
        layout = [torch.channels_last, torch.channels_last_3d][dims - 2]
        image = image.contiguous(memory_format=layout)
    pool = getattr(nn, f"MaxPool{dims}d")(2, ceil_mode=True, return_indices=True)
    pooled, indices = pool(image)
    values = torch.randn_like(pooled).requires_grad_()
    got = unpool(values, indices, size)
    expected = getattr(nn, f"MaxUnpool{dims}d")(2)(
        values.contiguous(), indices.contiguous(), output_size=size
    )
    assert torch.equal(got, expected)
    factor = torch.randn_like(got)
    (grad,) = torch.autograd.grad((got * factor).sum(), values)
    assert torch.equal(grad, factor.flatten(2).gather(2, indices.flatten(2)).view_as(values))


@pytest.mark.parametrize("size", [(45, 38), (33, 17, 18)])
def test_the_whole_network_by_hand(size):
    dims = len(size)
    network = segnet(dims, 2, 3, width=1 / 32).eval()
    state = network.state_dict()
    for name, tensor in state.items():
        if tensor.ndim == 1:
            tensor.uniform_(0.5, 1.5) if "var" in name else tensor.normal_(0, 0.1)
    convolve = [F.conv2d, F.conv3d][dims - 2]
    pool = getattr(nn, f"MaxPool{dims}d")(2, ceil_mode=True, return_indices=True)
    back = getattr(nn, f"MaxUnpool{dims}d")(2)

    def layer(x, conv, norm):
        x = convolve(x, state[f"{conv}.weight"], state[f"{conv}.bias"], padding=1)
        kinds = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(state[f"{norm}.{kind}"] for kind in kinds)).relu()

    images = torch.randn(2, 2, *size)
    x, pooled = images, []
    for number in ENCODER:
        x = layer(x, f"backbone.features.{number}", f"backbone.features.{number + 1}")
        if number in (3, 10, 20, 30, 40):
            before = x.shape[2:]
            x, indices = pool(x)
            pooled.append((indices, before))
    assert x.shape[2:] == tuple(-(-s // 32) for s in size)
    for level, convolutions in DECODER:
        indices, before = pooled.pop()
        x = back(x, indices, output_size=before)
        for number in range(0, 3 * convolutions, 3):
            x = layer(x, f"decoder.{level}.{number}", f"decoder.{level}.{number + 1}")
    expected = convolve(x, state["logits.weight"], state["logits.bias"], padding=1)
    with torch.no_grad():
        logits = network(images)
    assert expected.shape[2:] == size
    assert expected.std() > 1e-3
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-5)


def test_layers_and_parameters_of_the_paper():
    with torch.device("meta"):
        network = create_network("segnet", 2, 3, 11)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == 26
    assert all(m.bias is not None and m.kernel_size == (3, 3) for m in convolutions)
    assert sum(isinstance(m, nn.BatchNorm2d) for m in network.modules()) == 25
    assert sum(isinstance(m, nn.ReLU) for m in network.modules()) == 25
    assert sum(p.numel() for p in network.parameters()) == 29_449_355


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_parameters_by_layer(spatial_dims):
    def layer(n_in, n_out):
        return n_in * n_out * 3**spatial_dims + n_out + 2 * n_out

    down = [5, 8, 8, 16, 16, 32, 32, 32, 64, 64, 64, 64, 64, 64]
    up = [64, 64, 64, 64, 64, 64, 32, 32, 32, 16, 16, 8, 8]
    expected = sum(layer(*pair) for way in (down, up) for pair in pairwise(way))
    expected += 8 * 4 * 3**spatial_dims + 4
    with torch.device("meta"):
        network = create_network("segnet", spatial_dims, 5, 4, width=1 / 8)
    assert sum(p.numel() for p in network.parameters()) == expected


def test_maxima_come_back_to_their_own_pixels():
    # the network made an identity: of each 32 × 32 block the largest value, where it was
    network = segnet(2, 1, 1, width=1 / 64).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.zero_()
                module.bias.zero_()
                module.weight[0, 0, 1, 1] = 1
            if isinstance(module, nn.BatchNorm2d):
                module.running_var.fill_(1 - module.eps)  # divides by 1
    image = torch.randperm(70 * 101).reshape(70, 101).float() + 1
    with torch.no_grad():
        logits = network(image[None, None])[0, 0]
    expected = torch.zeros(70, 101)
    for top in range(0, 70, 32):
        for left in range(0, 101, 32):
            block = image[top : top + 32, left : left + 32]
            row, column = divmod(block.argmax().item(), block.shape[1])
            expected[top + row, left + column] = block.max()
    assert torch.equal(logits, expected)


def test_any_size_from_17_pixels():
    network = segnet(3, 1, 2, width=1 / 64)
    assert network.legal_size((3, 17, 40)) == (17, 17, 40)
    # a batch of one image: the lowest normalisation still has more than one value
    assert network.train()(torch.randn(1, 1, 17, 17, 17)).shape == (1, 2, 17, 17, 17)
    with pytest.raises(SeptumError, match=r"16 × 17 × 17[^\n]*\n.*pad to 17 × 17 × 17"):
        network(torch.randn(1, 1, 16, 17, 17))
