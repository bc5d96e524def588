"""Attention gates: the arithmetic of the paper, and where they sit in the networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from septum.errors import SeptumError
from septum.networks.attention import AttentionGate
from septum.networks.create import create_network

dims = pytest.mark.parametrize("spatial_dims", [2, 3])


@dims
def test_gate_is_the_paper_s_arithmetic(spatial_dims):
    torch.manual_seed(0)
    gate = AttentionGate(spatial_dims, 3, 5).double()
    size = (2, 3, 4)[:spatial_dims]
    skip = torch.randn(1, 3, *(2 * n for n in size), dtype=torch.float64)
    signal = torch.randn(1, 5, *size, dtype=torch.float64)
    weights = {key: value.numpy() for key, value in gate.state_dict().items()}
    expected = np.empty(skip.shape[1:])
    for cell in np.ndindex(*size):
        block = (slice(None), *(slice(2 * i, 2 * i + 2) for i in cell))
        pixels = skip[0].numpy()[block]
        of_skip = (weights["skip.weight"] * pixels).reshape(3, -1).sum(axis=1)
        of_signal = weights["signal.weight"].reshape(3, 5) @ signal[0].numpy()[:, *cell]
        hidden = np.maximum(of_skip + of_signal + weights["signal.bias"], 0)
        score = weights["score.weight"].reshape(3) @ hidden + weights["score.bias"][0]
        expected[block] = pixels / (1 + np.exp(-score))
    with torch.no_grad():
        np.testing.assert_allclose(gate(skip, signal)[0].numpy(), expected, rtol=1e-12)


NETWORKS = [
    ("unet", {"width": 4, "depth": 3}),
    ("unet", {"width": 4, "depth": 2, "padded": True, "norm": "batch"}),
    ("dense_unet", {"width": 4, "growth": 3, "layers": [1, 2, 3, 2], "depth": 3}),
]


@dims
@pytest.mark.parametrize(("name", "options"), NETWORKS)
def test_open_gates_change_nothing(name, options, spatial_dims):
    torch.manual_seed(1)
    plain = create_network(name, spatial_dims, 1, 2, **options).eval()
    gated = create_network(name, spatial_dims, 1, 2, **options, attention=True).eval()
    left = gated.load_state_dict(plain.state_dict(), strict=False)
    assert left.unexpected_keys == []
    assert all(key.startswith("gates.") for key in left.missing_keys)
    images = torch.randn(1, 1, *plain.legal_size([16] * spatial_dims))
    with torch.no_grad():
        assert not torch.allclose(gated(images), plain(images), atol=1e-3)
        for gate in gated.gates[:-1]:
            gate.score.weight.zero_()
            gate.score.bias.fill_(50.0)
        torch.testing.assert_close(gated(images), plain(images))


@dims
def test_all_skips_but_the_topmost_are_gated(spatial_dims):
    with torch.device("meta"):
        unet = create_network("unet", spatial_dims, 1, 2, width=8, depth=4, attention=True)
        dense = create_network(
            "dense_unet",
            spatial_dims,
            1,
            2,
            width=10,
            growth=3,
            layers=[1, 2, 3],
            depth=2,
            attention=True,
        )
    pixels = 2**spatial_dims

    def gate(skip, below):
        return skip * skip * pixels + below * skip + skip + skip + 1

    def count(network):
        return sum(p.numel() for p in network.gates.parameters())

    assert count(unet) == gate(64, 128) + gate(32, 64) + gate(16, 32)
    # 10 channels, 3 of the first block, 2·3 of the second; 3·3 from below
    assert count(dense) == gate(19, 9)


@dims
def test_unpadded_tiles_agree_with_the_whole(spatial_dims):
    torch.manual_seed(2)
    options = {"width": 2, "depth": 2, "attention": True}
    network = create_network("unet", spatial_dims, 1, 2, **options).double().eval()
    margin, stride = network.margin, network.stride
    whole_size = network.legal_size([60 if spatial_dims == 2 else 48] * spatial_dims)
    tile = network.legal_size([1] * spatial_dims)[0]
    images = torch.randn(1, 1, *whole_size, dtype=torch.float64)
    with torch.no_grad():
        whole = network(images)
        for corner in (0, stride):
            window = (..., *[slice(corner, corner + tile)] * spatial_dims)
            place = (..., *[slice(corner, corner + tile - 2 * margin)] * spatial_dims)
            torch.testing.assert_close(network(images[window]), whole[place])


@pytest.mark.parametrize("name", ["unet", "dense_unet"])
def test_a_single_skip_has_no_gate(name):
    with pytest.raises(SeptumError, match=r"options\.attention.*\n.*depth of 2"):
        create_network(name, 2, 1, 2, depth=1, attention=True)
