"""What the docs say of networks: counted as here by hand, and in step with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from septum.config import registry
from septum.errors import SeptumError
from septum.networks import create as models
from septum.networks.blocks import Network, conv, max_pool
from septum.networks.docs import facts, factsheet
from septum.networks.docs.receptive_field import receptive_field

DOCS = Path(__file__).resolve().parents[3] / "docs" / "networks.md"


class Chain(Network):
    """Layers one after the other."""

    def __init__(self, *layers, stride=1):
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.stride = stride

    def forward(self, images):
        return self.layers(images)


def test_cost_of_two_convolutions():
    with torch.device("meta"):
        network = Chain(conv(2, 3, 8), nn.ReLU(), conv(2, 8, 2, kernel=1))
    cost = facts.cost(network, 3, (10, 20))
    assert cost.parameters == 3 * 8 * 9 + 8 + 8 * 2 + 2
    assert cost.flops == 2 * 200 * (3 * 8 * 9 + 8 * 2)
    # the ReLU's result, once, though the ReLU and the next convolution both want it; the image
    # and the weights are there anyway
    assert cost.activations == 4 * 8 * 200


def test_cost_of_a_normalisation_and_a_pooling():
    with torch.device("meta"):
        network = Chain(
            conv(2, 1, 4), nn.BatchNorm2d(4), nn.ReLU(inplace=True), max_pool(2), stride=2
        )
    cost = facts.cost(network, 1, (9, 16))  # is made 10 × 16
    assert cost.flops == 2 * 160 * 4 * 9
    # what is normalised, mean and deviation of four channels, the ReLU's result (in place, yet
    # not over what the normalisation needs), places of the maxima as int64
    assert cost.activations == 4 * 4 * 160 + 2 * 4 * 4 + 4 * 4 * 160 + 8 * 4 * 40


def test_memory_is_that_of_training():
    with torch.device("meta"):
        network = Chain(conv(2, 1, 2), nn.Dropout(0.5), conv(2, 2, 1))
    # what is dropped, and what is left: in prediction it would be one of them
    assert facts.cost(network, 1, (10, 10)).activations == 2 * (4 * 2 * 100)


def narrow_cost(name):
    return facts.cost_at(name, facts.narrow_setting(name))


def test_cost_of_masks_by_layer():
    """Mask R-CNN is Faster R-CNN and masks of the 16 objects that a training step looks at."""
    with_masks, without = narrow_cost("mask_rcnn"), narrow_cost("faster_rcnn")
    bins, width, masks = 14 * 14, 64, 3  # of background and two classes
    convolutions = 4 * 9 * bins * width * width
    doubled = 4 * bins * width * width
    last = 4 * bins * width * masks
    assert with_masks.flops - without.flops == 16 * 2 * (convolutions + doubled + last)
    weights = 4 * (9 * width + 1) * width + (4 * width + 1) * width + (width + 1) * masks
    assert with_masks.parameters - without.parameters == weights
    # of each layer its result, and of the masks what the loss compares
    assert with_masks.activations > without.activations + 4 * 16 * 4 * bins * width


def test_cost_of_boxes_does_not_depend_on_the_objects(monkeypatch):
    """128 proposals, whatever the image holds: four times as many objects cost no more."""
    before = narrow_cost("faster_rcnn").flops
    lattice = facts._lattice
    monkeypatch.setattr(facts, "_lattice", lambda size: lattice(size, 20))
    assert narrow_cost("faster_rcnn").flops == before


def test_a_lattice_of_objects():
    ids = facts._lattice((8, 12), count=2)
    assert ids[0].tolist() == [1, 1, 1, 0, 0, 0, 3, 3, 3, 0, 0, 0]
    assert ids[:, 0].tolist() == [1, 1, 0, 0, 2, 2, 0, 0]
    assert ids.max() == 4


def test_cost_of_the_unet_by_layer():
    with torch.device("meta"):
        network = models.create_network("unet", 2, 1, 2)
    size, low, operations = 572, 1, 0
    for level in range(5):
        high = 64 * 2**level
        for channels in (low, high):
            size -= 2
            operations += 2 * size**2 * channels * high * 9
        low, size = high, size // 2
    size *= 2
    for level in reversed(range(4)):
        high = 64 * 2**level
        # each pixel below is written to four
        operations += 2 * size**2 * 2 * high * high * 4
        size *= 2
        for channels in (2 * high, high):
            size -= 2
            operations += 2 * size**2 * channels * high * 9
    operations += 2 * size**2 * 64 * 2
    assert size == 388
    assert facts.cost(network, 1, (572, 572)).flops == operations


@pytest.mark.parametrize(
    ("layers", "field"),
    [
        ([conv(2, 1, 2), conv(2, 2, 1)], 5),
        ([conv(2, 1, 2, dilation=6), conv(2, 2, 1, kernel=1)], 13),
        ([conv(2, 1, 2), nn.InstanceNorm2d(2), conv(2, 2, 1)], 5),
        ([conv(2, 1, 2), nn.GroupNorm(1, 2), conv(2, 2, 1)], 5),
        ([conv(2, 1, 1, kernel=7), nn.AdaptiveAvgPool2d(1), nn.Upsample((1, 4096))], None),
    ],
)
def test_receptive_field_of_known_layers(layers, field):
    assert receptive_field(Chain(*layers)) == field


def test_receptive_field_is_that_of_the_worst_placed_logit():
    # in the middle of four equal pixels a 3×3 kernel sees one pooled value, at their rim two
    network = Chain(nn.MaxPool2d(4), nn.Upsample(scale_factor=4), conv(2, 1, 1), stride=4)
    assert receptive_field(network) == 8


def _unet_field(pixel, depth):
    """Follow an output pixel of a U-Net back to the image, along one axis."""
    first = last = pixel
    for _ in range(depth):  # two convolutions, enlarged from the level below
        first, last = (first - 2) // 2, (last + 2) // 2
    first, last = first - 2, last + 2
    for _ in range(depth):  # pooled, two convolutions
        first, last = 2 * first - 2, 2 * last + 1 + 2
    return last - first + 1


@pytest.mark.parametrize(
    ("name", "depth", "options"),
    [
        ("unet", 1, {"padded": True}),
        ("unet", 3, {"padded": True, "norm": "instance"}),
        ("unet", 4, {}),
        ("unetpp", 2, {}),
    ],
)
def test_receptive_field_of_u_nets(name, depth, options):
    network = models.create_network(name, 2, 1, 1, width=1, depth=depth, **options)
    assert receptive_field(network) == max(_unet_field(p, depth) for p in range(2**depth))


# --- the docs ----------------------------------------------------------------------------


def _tables():
    """Return the rows of the generated tables: [{name: cells}, {name: cells}]."""
    text = DOCS.read_text(encoding="utf-8")
    text = text.partition(factsheet.BEGIN)[2].partition(factsheet.END)[0]
    blocks = re.findall(r"(?:^\|.*\n)+", text, flags=re.M)
    rows = [[line.strip("| \n").split(" | ") for line in block.splitlines()] for block in blocks]
    return [{cells[0].strip("`"): cells[1:] for cells in table[2:]} for table in rows]


def test_docs_agree_with_the_code():
    tables = _tables()
    assert [sorted(table) for table in tables] == [models.network_names()] * 2, "run: make docs"
    for name in models.network_names():
        # operations and memory at the setting of the paper take minutes
        count = facts.count_parameters(facts.without_values(name, facts.paper_setting(name)))
        assert tables[0][name][3] == f"{count:,}", f"{name}: run: make docs"
        label, link = factsheet.paper(name)
        assert tables[0][name][0] == f"[{label}]({link})", f"{name}: run: make docs"
        row = factsheet._narrow_row(name).strip("| ").split(" | ")
        assert tables[1][name] == row[1:], f"{name}: run: make docs"
        # those of the others take many seconds each
        if name in ("fcn8s", "fcn16s", "fcn32s", "segnet"):
            assert tables[0][name][-1] == factsheet._field(name), f"{name}: run: make docs"
        # of a detector there is none to state
        is_detector = registry.NETWORKS[name].head is not None
        assert (tables[0][name][-1] == "–") == is_detector, "run: make docs"


def test_docs_tell_the_departures():
    text = DOCS.read_text(encoding="utf-8")
    for name in models.network_names():
        assert f": {factsheet.departures(name)}\n" in text, f"{name}: run: make docs"


@pytest.mark.parametrize(
    ("name", "paper"),
    [
        ("unet", ("Ronneberger et al. 2015", "https://arxiv.org/abs/1505.04597")),
        ("mask_rcnn", ("He et al. 2017", "https://arxiv.org/abs/1703.06870")),
        ("faster_rcnn", ("Ren et al. 2015", "https://arxiv.org/abs/1506.01497")),
        ("monai:SegResNet", ("Myronenko 2018", "https://arxiv.org/abs/1810.11654")),
    ],
)
def test_papers(name, paper):
    assert factsheet.paper(name) == paper


def test_departures_are_read_from_the_module():
    text = factsheet.departures("unetpp")
    assert text.startswith("The mean is taken of the logits, not of the probabilities")
    assert "`dropout` at each node's end" in text


def test_only_what_is_between_the_marks_is_replaced(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{factsheet.BEGIN}\nold\n{factsheet.END}\nafter\n")
    factsheet.write(page, "new")
    text = page.read_text()
    assert text == f"before\n{factsheet.BEGIN}\n\nnew\n\n{factsheet.END}\nafter\n"
    page.write_text("before\nafter\n")
    with pytest.raises(SeptumError, match=r"page\.md: lacks the line"):
        factsheet.write(page, "new")
    assert page.read_text() == "before\nafter\n"


def test_a_network_without_a_setting_is_told():
    with pytest.raises(
        SeptumError, match=r"PAPER: says nothing of the network 'vnet'\n.*add a line"
    ):
        facts.paper_setting("vnet")
    with pytest.raises(SeptumError, match=r"NARROW: says nothing of the network 'vnet'"):
        facts.narrow_setting("vnet")
