"""FC-DenseNets: the parameters of the paper's tables."""

from __future__ import annotations

import pytest
from small_networks import count_parameters

dims = pytest.mark.parametrize("spatial_dims", [2, 3])


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
    assert count_parameters("dense_unet", 2, 3, 11, **options) / 1e6 == pytest.approx(
        millions, abs=0.13
    )


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
    assert count_parameters("dense_unet", spatial_dims, 3, 11, **options) == expected
