"""Networks from MONAI: what our options make of them, sizes, deep supervision, wrong options."""

from __future__ import annotations

import pytest
import torch
from small_networks import count_parameters, without_memory

from septum.errors import SeptumError
from septum.networks.create import create_network

dims = pytest.mark.parametrize("spatial_dims", [2, 3])


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
    assert count_parameters(name, *channels, **options) / 1e6 == pytest.approx(millions, rel=0.01)


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
    network = create_network(name, spatial_dims, 1, 2, **options)
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
    network = without_memory(name, spatial_dims, 1, 2, **options)
    assert network.legal_size(size[:spatial_dims]) == legal[:spatial_dims]
    other = torch.empty(1, 1, *size[:spatial_dims], device="meta")
    with pytest.raises(SeptumError, match="the next size it accepts"):
        network(other)


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
        create_network(name, 2, 1, 2, **options)
    for message in messages:
        assert message in str(error.value)
