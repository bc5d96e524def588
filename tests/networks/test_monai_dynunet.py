"""DynUNet: MONAI's own network, its levels, and each weight once."""

from __future__ import annotations

import copy

import pytest
import torch
from monai.networks import nets

from septum.networks.create import create_network
from septum.networks.monai_dynunet import flat_levels

dims = pytest.mark.parametrize("spatial_dims", [2, 3])


def _same(ours, theirs, size):
    """Compare with a network of MONAI's own that has the same weights."""
    theirs.load_state_dict(ours.net.state_dict(), strict=False)
    images = torch.randn(1, 1, *size)
    with torch.no_grad():
        assert torch.equal(ours.eval()(images), theirs.eval()(images))


@dims
def test_dynunet_is_monai_s(spatial_dims):
    torch.manual_seed(0)
    ours = create_network("monai:DynUNet", spatial_dims, 1, 2, width=2, depth=4, anisotropy=5)
    rest = [3] * (spatial_dims - 1)
    twos = [2] * (spatial_dims - 1)
    strides = [[1, *twos], [1, *twos], [2, *twos], [2, *twos]]
    cap = 32 if spatial_dims == 2 else 20
    theirs = nets.DynUNet(
        spatial_dims,
        1,
        2,
        kernel_size=[[1, *rest], [1, *rest], [3, *rest], [3, *rest], [3, *rest]],
        strides=[1, *strides],
        upsample_kernel_size=strides,
        filters=[2, 4, 8, 16, cap],
    )
    skips = theirs.skip_layers.state_dict()
    assert {k: v.shape for k, v in skips.items()} == {
        k: v.shape for k, v in ours.net.skip_layers.state_dict().items() if "super_head" not in k
    }
    assert ours.legal_size((1, 33, 20)[:spatial_dims]) == (8, 48, 32)[:spatial_dims]
    _same(ours, theirs, (8, 48, 32)[:spatial_dims])


def test_networks_keep_each_weight_once():
    for name in ("DynUNet", "MedNeXt", "SegResNet", "SwinUNETR"):
        state = create_network(f"monai:{name}", 2, 1, 2, width=12).state_dict()
        assert len({tensor.data_ptr() for tensor in state.values()}) == len(state)


@pytest.mark.parametrize(
    ("anisotropy", "levels"), [(1.0, 0), (1.99, 0), (2.0, 1), (3.9, 1), (4.0, 2), (5.0, 2)]
)
def test_thick_slices_are_left_alone_at_the_upper_levels(anisotropy, levels):
    assert flat_levels(anisotropy) == levels


def test_dynunet_keeps_no_graph_of_the_last_pass():
    network = create_network("monai:DynUNet", 2, 1, 2, width=2, depth=4)
    network.training_logits(torch.randn(1, 1, 32, 32))
    copy.deepcopy(network)  # as a moving average of the weights does
