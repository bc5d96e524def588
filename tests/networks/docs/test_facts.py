"""What the docs say of networks: counted as here by hand, and in step with the code."""

from __future__ import annotations

import torch
from small_networks import Chain
from torch import nn

from septum.networks.blocks import conv, max_pool
from septum.networks.create import create_network
from septum.networks.docs import facts


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
        network = create_network("unet", 2, 1, 2)
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


# --- the docs ----------------------------------------------------------------------------
