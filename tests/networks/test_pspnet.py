"""PSPNet: the published numbers of parameters, and pyramid pooling on known maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from septum.networks.create import create_network
from septum.networks.pspnet import PyramidPooling


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 49_081_578),
        ({"auxiliary": 0.0}, 46_716_373),
        ({"deep_stem": False}, 48_957_802),
        ({"deep_stem": False, "auxiliary": 0.0}, 46_592_597),
    ],
)
def test_parameters(options, expected):
    with torch.device("meta"):
        network = create_network("pspnet", 2, 3, 21, **options)
    assert sum(p.numel() for p in network.parameters()) == expected


def _pyramid(spatial_dims, in_channels, projection):
    """Return a pyramid whose levels have a given 1×1 projection, and do not normalise."""
    pyramid = PyramidPooling(spatial_dims, in_channels, norm="batch").double().eval()
    for level in pyramid.levels:
        _, (convolution, norm, _) = level
        with torch.no_grad():
            convolution.weight.copy_(projection.reshape(convolution.weight.shape))
        norm.eps = 1e-30
    return pyramid


def test_a_ramp_of_six_by_six():
    # projections to the mean of channel 0 and to its negative, which ReLU takes away
    projection = torch.zeros(2, 8)
    projection[0, 0], projection[1, 0] = 1, -1
    pyramid = _pyramid(2, 8, projection)
    assert pyramid.out_channels == 16
    x = torch.zeros(1, 8, 6, 6, dtype=torch.float64)
    x[0, 0] = torch.arange(36.0).reshape(6, 6)
    with torch.no_grad():
        found = pyramid(x)[0]
    assert torch.equal(found[:8], x[0])
    # one bin: the mean, 17.5, becomes +1 and -1 when normalised over the two channels
    assert torch.equal(found[8], torch.ones(6, 6, dtype=torch.float64))
    # of a ramp, bins' means are a ramp from the centre of the first bin to that of the last
    place = torch.arange(6, dtype=torch.float64) / 5
    for channel, first, last in [(10, 1.0, 4.0), (12, 0.5, 4.5), (14, 0.0, 5.0)]:
        row = first + (last - first) * place
        torch.testing.assert_close(found[channel], 6 * row[:, None] + row)
    assert not found[9::2].any()


@pytest.mark.parametrize("size", [(7, 13), (4, 6), (5, 3, 8)])
def test_bins_of_any_map(size):
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(1, 8, *size))
    projection = rng.uniform(size=(2, 8))
    pyramid = _pyramid(len(size), 8, torch.from_numpy(projection))
    with torch.no_grad():
        found = pyramid(torch.from_numpy(x)).numpy()
    for channel, bins in [(10, 2), (12, 3), (14, 6)]:
        expected = np.tensordot(projection, x[0], 1)
        for axis, n in enumerate(size, start=1):
            edges = [(i * n // bins, -(-(i + 1) * n // bins)) for i in range(bins)]
            means = [expected.take(range(*edge), axis).mean(axis) for edge in edges]
            expected = np.stack(means, axis)
        for axis, n in enumerate(size, start=1):
            place = np.linspace(0, bins - 1, n)
            expected = np.apply_along_axis(
                lambda v, place=place: np.interp(place, np.arange(len(v)), v), axis, expected
            )
        np.testing.assert_allclose(found[0, channel : channel + 2], expected)


def test_the_head_sees_the_last_stage_and_its_pyramid():
    torch.manual_seed(0)
    network = create_network("pspnet", 2, 1, 2, backbone="resnet18", width=1 / 8).eval()
    seen = {}
    network.head.register_forward_pre_hook(lambda _, args: seen.update(head=args[0]))
    network.auxiliary_head.register_forward_pre_hook(lambda _, args: seen.update(aux=args[0]))
    images = torch.rand(2, 1, 40, 33)
    network.train().training_logits(images)
    third, last = network.backbone(images)[2:]
    assert seen["head"].shape == (2, 128, 5, 5)
    torch.testing.assert_close(seen["head"][:, :64], last)
    torch.testing.assert_close(seen["aux"], third)
