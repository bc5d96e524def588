"""UNet++: the authors' number of parameters, the wiring of its nodes, deep supervision."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from septum.networks.create import create_network

CONV = {2: F.conv2d, 3: F.conv3d}
UP = {2: F.conv_transpose2d, 3: F.conv_transpose3d}
POOL = {2: F.max_pool2d, 3: F.max_pool3d}


@pytest.mark.parametrize(
    ("deep_supervision", "parameters"), [(False, 9_041_601), (True, 9_041_700)]
)
def test_parameters_are_the_authors_(deep_supervision, parameters):
    # their code says 9,041,601; three more heads have 32 weights and a bias each
    with torch.device("meta"):
        network = create_network("unetpp", 2, 1, 1, deep_supervision=deep_supervision)
    assert sum(p.numel() for p in network.parameters()) == parameters


def _node(state, images, spatial_dims, level, step):
    """Return node (level, step) as the paper's equation 1 defines it, recursively."""
    if step == 0:
        prefix = f"contract.{level}"
        x = images
        if level:
            above = _node(state, images, spatial_dims, level - 1, 0)
            x = POOL[spatial_dims](above, 2)
    else:
        prefix = f"expand.{level}.{step - 1}"
        below = _node(state, images, spatial_dims, level + 1, step - 1)
        name = f"up.{level}.{step - 1}"
        up = UP[spatial_dims](below, state[f"{name}.weight"], state[f"{name}.bias"], stride=2)
        earlier = [_node(state, images, spatial_dims, level, k) for k in range(step)]
        x = torch.cat([*earlier, up], dim=1)
    for layer in (0, 3):
        name = f"{prefix}.0.layers.{layer}"
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        x = F.relu(CONV[spatial_dims](x, weight, bias, padding=1))
    return x


def _heads(network, images, spatial_dims, steps):
    state = network.state_dict()
    for head, step in enumerate(steps):
        node = _node(state, images, spatial_dims, 0, step)
        weight, bias = state[f"logits.{head}.weight"], state[f"logits.{head}.bias"]
        yield CONV[spatial_dims](node, weight, bias)


@pytest.mark.parametrize(("spatial_dims", "depth"), [(2, 1), (2, 3), (3, 2)])
@pytest.mark.parametrize("deep_supervision", [False, True])
def test_nodes_are_wired_as_in_the_paper(spatial_dims, depth, deep_supervision):
    torch.manual_seed(0)
    options = {"width": 2, "depth": depth, "deep_supervision": deep_supervision}
    network = create_network("unetpp", spatial_dims, 2, 3, **options).double()
    images = torch.randn(1, 2, *[2**depth * n for n in (1, 2, 3)[:spatial_dims]]).double()
    steps = range(1, depth + 1) if deep_supervision else [depth]
    with torch.no_grad():
        heads = list(_heads(network, images, spatial_dims, steps))
        torch.testing.assert_close(network(images), sum(heads) / len(heads))
        trained = network.train().training_logits(images)
        assert [weight for weight, _ in trained] == [1 / len(heads)] * len(heads)
        for (_, logits), expected in zip(trained, heads, strict=True):
            torch.testing.assert_close(logits, expected)
        ((weight, judged),) = network.eval().training_logits(images)
        assert weight == 1
        assert torch.equal(judged, network(images))


def test_dropout_is_at_the_end_of_each_node():
    network = create_network("unetpp", 2, 1, 2, width=4, depth=2, dropout=0.25)
    rates = [m.p for m in network.modules() if isinstance(m, torch.nn.Dropout)]
    assert rates == [0.25] * 6
    images = torch.randn(1, 1, 16, 16)
    assert not torch.equal(network(images), network(images))
