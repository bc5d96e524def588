"""Mask R-CNN as a whole: its size, what it learns, and what it says of nothing."""

from __future__ import annotations

import pytest
import torch
from monai.data.box_utils import box_iou
from torch import nn

from septum.networks.detection.targets import detection_targets
from septum.networks.mask_rcnn import FasterRCNN, MaskRCNN

SMALL = {"backbone": "resnet18", "width": 0.125, "anchor_sizes": (8.0, 16.0)}


def scene(spatial_dims):
    """Return two images of cubes of two sizes, each size a class, and their truth."""
    size = (64,) * spatial_dims if spatial_dims == 2 else (32,) * 3
    instance = torch.zeros(2, *size)
    classes = torch.zeros(2, *size, dtype=torch.int64)
    places = [(3, 3, 8, 1), (20, 4, 8, 1), (5, 17, 14, 2)]
    for number, (y, x, side, label) in enumerate(places, start=1):
        for image, shift in ((0, 0), (1, 1)):
            box = (image, *[slice(y + shift, y + shift + side)] * (spatial_dims - 1))
            box = (*box, slice(x + shift, x + shift + side))
            instance[box] = number
            classes[box] = label
    images = 2 * (instance > 0).float()[:, None]
    torch.manual_seed(1)
    images = images + 0.1 * torch.randn_like(images)
    return images, [detection_targets(i, c) for i, c in zip(instance, classes, strict=True)]


def losses(network, images, truths):
    return network.losses(network.pyramid(images), images.shape[2:], truths)


def fit(network, images, truths, steps, lr=1e-3):
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW(network.parameters(), lr)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.stack(list(losses(network, images, truths).values())).sum().backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    return network.eval()


def test_parameters_are_those_of_the_published_network():
    with torch.device("meta"):
        network = MaskRCNN(2, 3, 91)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    frozen = sum(p.numel() for m in norms for p in m.parameters())
    assert sum(p.numel() for p in network.parameters()) - frozen == 44_401_393


@pytest.mark.parametrize(
    ("first_level", "sizes"), [(1, [32, 16, 8]), (2, [16, 8, 4]), (4, [4, 2, 1])]
)
@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_the_finest_level_is_as_fine_as_it_is_asked_to_be(spatial_dims, first_level, sizes):
    options = SMALL | {"anchor_sizes": (8.0, 16.0, 32.0)}
    network = MaskRCNN(spatial_dims, 1, 2, **options, first_level=first_level).eval()
    levels = network.pyramid(torch.zeros(1, 1, *[64] * spatial_dims))
    assert [level.shape[2:] for level in levels] == [(size,) * spatial_dims for size in sizes]
    assert network.strides == tuple(64 // size for size in sizes)
    # published weights fit a backbone without max pooling, too
    other = MaskRCNN(spatial_dims, 1, 2, **options, first_level=2)
    stem = {"body.conv1.weight", "body.layer1.0.conv1.weight"}
    assert stem <= network.state_dict().keys() & other.state_dict().keys()


@pytest.mark.parametrize(
    ("spatial_dims", "steps", "level"), [(2, 80, 2), (2, 80, 1), (3, 150, 2), (3, 60, 1)]
)
def test_finds_the_objects_of_what_it_learnt_by_heart(spatial_dims, steps, level):
    images, truths = scene(spatial_dims)
    images, true = images[:1], truths[0]
    torch.manual_seed(0)
    network = MaskRCNN(spatial_dims, 1, 3, **SMALL, first_level=level)
    network = fit(network, images, [true], steps)
    (found,) = network.detect(images)
    iou = box_iou(true.boxes, found.boxes)
    for overlaps, label in zip(iou, true.labels, strict=True):
        best = (found.scores * (overlaps > 0.5)).argmax()
        assert overlaps[best] > 0.7
        assert found.scores[best] > 0.5
        assert found.labels[best] == label
        assert found.masks[best].mean() > 0.8, "the object fills its box"
    wrong = (found.scores > 0.6) & (iou.max(dim=0).values < 0.3)
    assert not wrong.any()


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_every_weight_has_a_gradient(spatial_dims):
    images, truths = scene(spatial_dims)
    network = MaskRCNN(spatial_dims, 1, 3, **SMALL)
    torch.stack(list(losses(network, images, truths).values())).sum().backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_an_image_without_objects_is_trained_on_and_may_be_found_empty():
    network = MaskRCNN(2, 1, 2, **SMALL)
    nothing = detection_targets(torch.zeros(64, 64), torch.zeros(64, 64, dtype=torch.int64))
    images = torch.zeros(2, 1, 64, 64)
    parts = losses(network, images, [nothing, nothing])
    total = torch.stack(list(parts.values())).sum()
    total.backward()
    assert torch.isfinite(total)
    assert parts["mask"] == parts["box"] == parts["rpn_box"] == 0
    fit(network, images, [nothing, nothing], 20)
    for found in network.detect(images):
        assert found.boxes.shape == (0, 4)
        assert found.masks.shape == (0, 28, 28)


def test_without_masks_it_is_faster_rcnn():
    images, truths = scene(2)
    network = FasterRCNN(2, 1, 3, **SMALL)
    assert set(losses(network, images, truths)) == {"rpn_object", "rpn_box", "class", "box"}
    assert network.eval().detect(images)[0].masks is None


def test_more_than_a_hundred_objects_are_found():
    instance = torch.zeros(1, 128, 128)
    places = [(y, x) for y in range(2, 122, 10) for x in range(2, 122, 10)]
    for number, (y, x) in enumerate(places, start=1):
        instance[0, y : y + 6, x : x + 6] = number
    images = 2 * (instance > 0).float()[:, None]
    true = detection_targets(instance[0], (instance[0] > 0).long())
    torch.manual_seed(0)
    network = MaskRCNN(2, 1, 2, backbone="resnet18", width=0.125, anchor_sizes=(6.0,))
    found = fit(network, images, [true], 60).detect(images)[0]
    assert (found.scores > 0.5).sum() >= 140
    assert len(places) == 144
