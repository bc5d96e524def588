"""Networks from MONAI: what our options make of them, sizes, deep supervision, wrong options."""

from __future__ import annotations

import copy

import pytest
import torch
from monai.networks import nets
from monai.networks.blocks.mednext_block import MedNeXtBlock

from septum.errors import SeptumError
from septum.networks import create as models
from septum.networks.monai_dynunet import flat_levels

dims = pytest.mark.parametrize("spatial_dims", [2, 3])


def _bare(name, *channels, **options):
    with torch.device("meta"):
        return models.create_network(name, *channels, **options)


def _parameters(network):
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("name", "channels", "options", "millions"),
    [
        ("monai:DynUNet", (3, 1, 2), {}, 31.2),
        ("monai:SwinUNETR", (3, 1, 14), {}, 61.98),
        ("monai:MedNeXt", (3, 1, 14), {"variant": "S"}, 5.6),
        ("monai:MedNeXt", (3, 1, 14), {}, 10.5),
        ("monai:MedNeXt", (3, 1, 14), {"variant": "M"}, 17.6),
        ("monai:MedNeXt", (3, 1, 14), {"variant": "L"}, 61.8),
        ("monai:MedNeXt", (3, 1, 14), {"variant": "B", "kernel": 5}, 11.0),
    ],
)
def test_parameters_are_the_published_ones(name, channels, options, millions):
    # published to one decimal, and MONAI's code departs in details: within one per cent
    assert _parameters(_bare(name, *channels, **options)) / 1e6 == pytest.approx(millions, rel=0.01)


def test_segresnet_parameters_by_layer():
    def block(channels):  # two normalisations with scale and shift, two convolutions
        return 2 * (2 * channels + 27 * channels**2)

    expected = 27 * 4 * 32
    for level, blocks in enumerate((1, 2, 2, 4)):
        channels = 32 * 2**level
        expected += blocks * block(channels) + (27 * channels**2 // 2 if level else 0)
    for channels in (128, 64, 32):
        expected += 2 * channels * channels + block(channels)  # 1×1 to half the channels
    expected += 2 * 32 + 32 * 3 + 3
    assert _parameters(_bare("monai:SegResNet", 3, 4, 3)) == expected


def _same(ours, theirs, size):
    """Compare with a network of MONAI's own that has the same weights."""
    theirs.load_state_dict(ours.net.state_dict(), strict=False)
    images = torch.randn(1, 1, *size)
    with torch.no_grad():
        assert torch.equal(ours.eval()(images), theirs.eval()(images))


@dims
def test_dynunet_is_monai_s(spatial_dims):
    torch.manual_seed(0)
    ours = models.create_network(
        "monai:DynUNet", spatial_dims, 1, 2, width=2, depth=4, anisotropy=5
    )
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
        state = models.create_network(f"monai:{name}", 2, 1, 2, width=12).state_dict()
        assert len({tensor.data_ptr() for tensor in state.values()}) == len(state)


@pytest.mark.parametrize(
    ("anisotropy", "levels"), [(1.0, 0), (1.99, 0), (2.0, 1), (3.9, 1), (4.0, 2), (5.0, 2)]
)
def test_thick_slices_are_left_alone_at_the_upper_levels(anisotropy, levels):
    assert flat_levels(anisotropy) == levels


@dims
@pytest.mark.parametrize(
    ("name", "options", "weights"),
    [
        ("monai:DynUNet", {"width": 2, "depth": 5}, [8 / 15, 4 / 15, 2 / 15, 1 / 15]),
        ("monai:DynUNet", {"width": 2, "depth": 2}, [1.0]),
        ("monai:DynUNet", {"width": 2, "depth": 4, "deep_supervision": False}, [1.0]),
        ("monai:MedNeXt", {"width": 1}, [16 / 31, 8 / 31, 4 / 31, 2 / 31, 1 / 31]),
        ("monai:MedNeXt", {"width": 1, "deep_supervision": False}, [1.0]),
    ],
)
def test_deep_supervision(name, options, weights, spatial_dims):
    torch.manual_seed(0)
    network = models.create_network(name, spatial_dims, 1, 2, **options)
    size = network.legal_size([1] * spatial_dims)
    images = torch.randn(1, 1, *size)
    trained = network.training_logits(images)
    assert [weight for weight, _ in trained] == pytest.approx(weights)
    assert torch.equal(trained[0][1], network(images))
    for level, (_, logits) in enumerate(trained):
        assert logits.shape == (1, 2, *size)
        block = logits[(0, 0, *[slice(2**level)] * spatial_dims)]
        larger = logits[(0, 0, *[slice(2 ** (level + 1))] * spatial_dims)]
        assert block.unique().numel() == 1 < larger.unique().numel()
    ((weight, judged),) = network.eval().training_logits(images)
    assert weight == 1
    assert torch.equal(judged, network(images))


def test_dynunet_keeps_no_graph_of_the_last_pass():
    network = models.create_network("monai:DynUNet", 2, 1, 2, width=2, depth=4)
    network.training_logits(torch.randn(1, 1, 32, 32))
    copy.deepcopy(network)  # as a moving average of the weights does


@dims
@pytest.mark.parametrize(
    ("name", "options", "size", "legal"),
    [
        ("monai:DynUNet", {}, (65, 1, 3), (96, 64, 64)),
        ("monai:SegResNet", {}, (9, 1, 17), (16, 16, 24)),
        ("monai:SegResNet", {"blocks_down": [1, 1], "blocks_up": [1]}, (5, 1, 3), (6, 4, 4)),
        ("monai:SwinUNETR", {}, (65, 1, 3), (96, 64, 64)),
        ("monai:SwinUNETR", {"norm": "group"}, (65, 1, 33), (96, 32, 64)),
        ("monai:MedNeXt", {}, (33, 1, 3), (48, 32, 32)),
    ],
)
def test_legal_sizes(name, options, size, legal, spatial_dims):
    network = _bare(name, spatial_dims, 1, 2, **options)
    assert network.legal_size(size[:spatial_dims]) == legal[:spatial_dims]
    other = torch.empty(1, 1, *size[:spatial_dims], device="meta")
    with pytest.raises(SeptumError, match="the next size it accepts"):
        network(other)


def test_mednext_blocks_are_the_paper_s_table():
    network = _bare("monai:MedNeXt", 2, 1, 2, variant="L", width=1, kernel=5).net
    stages = [*network.enc_stages, network.bottleneck, *network.dec_stages]
    assert [len(stage) for stage in stages] == [3, 4, 8, 8, 8, 8, 8, 4, 3]
    ratios = [stage[0].conv2.out_channels // stage[0].conv2.in_channels for stage in stages]
    assert ratios == [3, 4, 8, 8, 8, 8, 8, 4, 3]
    blocks = [m for m in network.modules() if type(m) is MedNeXtBlock]
    assert {block.conv1.kernel_size for block in blocks} == {(5, 5)}
    assert all(block.do_res for block in blocks)


def test_swin_unetr_options_reach_the_library():
    plain = _bare("monai:SwinUNETR", 2, 1, 2, width=24, depths=[1, 2, 3, 4], window=5)
    assert [
        len(layer[0].blocks) for layer in (plain.net.swinViT.layers1, plain.net.swinViT.layers4)
    ] == [1, 4]
    assert plain.net.swinViT.window_size == (5, 5)
    v2 = _bare("monai:SwinUNETR", 2, 1, 2, width=24, depths=[1, 2, 3, 4], window=5, v2=True)
    assert _parameters(v2) > _parameters(plain)


@pytest.mark.parametrize(
    ("name", "options", "messages"),
    [
        ("monai:DynUnet", {}, ["monai:DynUnet", "monai:DynUNet"]),
        ("monai:DynUNet", {"filters": 8}, ["options.filters", "choose one of: anisotropy"]),
        ("monai:DynUNet", {"widht": 8}, ["options.widht", "did you mean 'width'?"]),
        ("monai:DynUNet", {"depth": "five"}, ["options.depth", "'five'", "integer"]),
        ("monai:DynUNet", {"depth": 1}, ["options.depth", "greater than or equal to 2"]),
        ("monai:DynUNet", {"anisotropy": 0.5}, ["options.anisotropy", "greater than or equal"]),
        ("monai:SegResNet", {"block_down": [1]}, ["did you mean 'blocks_down'?"]),
        ("monai:SegResNet", {"blocks_down": [1, 0]}, ["options.blocks_down", "greater than"]),
        ("monai:SegResNet", {"blocks_down": 4}, ["options.blocks_down", "list of 2 to 8 values"]),
        ("monai:SegResNet", {"blocks_down": [1, "2"]}, ["options.blocks_down", "integer"]),
        ("monai:SegResNet", {"blocks_down": [1, 1]}, ["options.blocks_up", "3 entries for 2"]),
        ("monai:SwinUNETR", {"width": 20}, ["options.width", "multiple of 12"]),
        ("monai:SwinUNETR", {"depths": [2, 2]}, ["options.depths", "list of 4 values"]),
        ("monai:SwinUNETR", {"norm": "batch"}, ["options.norm", "'instance' or 'group'"]),
        ("monai:MedNeXt", {"variant": "XL"}, ["options.variant", "'S', 'B', 'M' or 'L'"]),
        ("monai:MedNeXt", {"kernel": 4}, ["options.kernel", "3, 5 or 7"]),
    ],
)
def test_wrong_names_and_options(name, options, messages):
    with pytest.raises(SeptumError) as error:
        models.create_network(name, 2, 1, 2, **options)
    for message in messages:
        assert message in str(error.value)
