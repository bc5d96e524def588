"""Pooling of boxes from their levels, and the shapes of the heads."""

from __future__ import annotations

import pytest
import torch

from septum.networks.detection.heads import BoxHead, MaskHead, pool


def test_a_box_is_pooled_from_the_level_whose_anchors_are_nearest():
    # a level says its number everywhere; anchors of 8 and 32 pixels: 16 is half-way in octaves
    pyramid = [torch.full((1, 1, 32, 32), 1.0), torch.full((1, 1, 8, 8), 2.0)]
    sides = (8.0, 15.0, 17.0, 40.0)
    boxes = torch.tensor([[10.0, 10.0, 10 + side, 10 + side] for side in sides])
    pooled = pool(pyramid, [boxes], 2, strides=(2, 8), sizes=(8.0, 32.0))
    assert pooled.shape == (4, 1, 2, 2)
    assert pooled.mean(dim=(1, 2, 3)).tolist() == [1.0, 1.0, 2.0, 2.0]


def test_a_long_box_counts_as_the_square_of_its_area():
    pyramid = [torch.full((1, 1, 64, 64), 1.0), torch.full((1, 1, 16, 16), 2.0)]
    long = torch.tensor([[4.0, 4.0, 8.0, 68.0]])  # 4 × 64: as large as 16 × 16
    pooled = pool(pyramid, [long], 1, strides=(2, 8), sizes=(8.0, 20.0))
    assert pooled.flatten().tolist() == [2.0]


def test_boxes_of_a_batch_come_after_each_other():
    features = torch.stack([torch.full((1, 8, 8), float(value)) for value in (3, 5)])
    one, two = torch.tensor([[0.0, 0.0, 4.0, 4.0]]), torch.tensor([[1.0, 1.0, 5.0, 5.0]] * 2)
    pooled = pool([features], [one, two], 1, strides=(1,), sizes=(4.0,))
    assert pooled.flatten().tolist() == [3.0, 5.0, 5.0]


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_shapes_of_the_heads(spatial_dims):
    pooled = torch.randn(5, 4, *(3,) * spatial_dims)
    logits, codes = BoxHead(spatial_dims, 4, 8, n_classes=2, bins=3)(pooled)
    assert logits.shape == (5, 3)
    assert codes.shape == (5, 3, 2 * spatial_dims)
    masks = MaskHead(spatial_dims, 4, 8, n_classes=2)(pooled)
    assert masks.shape == (5, 3, *(6,) * spatial_dims)


def test_parameters_of_the_published_heads():
    # FPN features of 256 channels, 7 × 7 bins, 1024 hidden, 80 classes; and He et al.'s mask head
    box = sum(p.numel() for p in BoxHead(2, 256, 1024, n_classes=80, bins=7).parameters())
    hidden = (256 * 49 + 1) * 1024 + (1024 + 1) * 1024
    assert box == hidden + (1024 + 1) * 81 + (1024 + 1) * 81 * 4
    mask = sum(p.numel() for p in MaskHead(2, 256, 256, n_classes=80).parameters())
    assert mask == 4 * (9 * 256 + 1) * 256 + (4 * 256 + 1) * 256 + (256 + 1) * 81
