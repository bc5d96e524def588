"""Panoptic FPN: its size, what it learns of pixels and of objects, and its place in the zoo."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from decoders import decoder
from torch import nn

from septum.config.schema import ClassSpec
from septum.decoding.objects import Detection
from septum.decoding.scene import Scene, decode_scene
from septum.networks.panoptic_fpn import PanopticFPN, SemanticBranch
from septum.networks.segmenter import build_segmenter

SMALL = {"backbone": "resnet18", "width": 0.125, "anchor_sizes": (12.0,)}


def test_parameters_are_those_of_the_published_network():
    with torch.device("meta"):
        network = PanopticFPN(2, 3, 81)
    backbone = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    frozen = sum(p.numel() for m in backbone for p in m.parameters())
    count = sum(p.numel() for p in network.parameters()) - frozen
    # 80 things. The published branch has 53 classes of stuff and one for all things, ours all 81
    branch = (81 - 54) * (128 + 1)
    # and the published heads have no box and no mask of the background
    background = 4 * (1024 + 1) + (256 + 1)
    assert count - branch - background == 45_973_990


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_the_branch_sees_all_levels_and_keeps_places(spatial_dims):
    torch.manual_seed(0)
    branch = SemanticBranch(spatial_dims, 8, 2, [4, 8, 16]).eval()
    sizes = (16, 8, 4)
    pyramid = [torch.randn(1, 8, *(n,) * spatial_dims) for n in sizes]
    logits = branch(pyramid, (64,) * spatial_dims)
    assert logits.shape == (1, 2, *(64,) * spatial_dims)
    for level in range(3):
        other = [p.clone() for p in pyramid]
        other[level] += torch.randn_like(other[level])
        assert not torch.allclose(branch(other, (64,) * spatial_dims), logits)
    # one bright feature of the coarsest level: the answer is strongest where it stands
    with torch.no_grad():
        for steps in branch.levels:
            for step in steps:
                nn.init.dirac_(step[0].weight)
                step[1] = nn.Identity()
        nn.init.ones_(branch.predictor.weight)
    pyramid = [torch.zeros_like(p) for p in pyramid]
    pyramid[2][(0, slice(None), *(2,) * spatial_dims)] = 1.0
    peak = branch(pyramid, (64,) * spatial_dims)[0, 0]
    assert np.unravel_index(int(peak.argmax()), peak.shape) == (32,) * spatial_dims


def scene(spatial_dims):
    """Return an image: one half is stuff (class 2), in the other lies an object (class 1)."""
    size = (64,) * spatial_dims
    classes = torch.zeros(1, *size, dtype=torch.int64)
    ids = torch.zeros(1, 1, *size)
    classes[:, 32:] = 2
    box = (slice(8, 22),) * spatial_dims
    classes[(0, *box)] = 1
    ids[(0, 0, *box)] = 3
    torch.manual_seed(1)
    images = (classes == 1).float() * 2 - (classes == 2).float()
    return (images + 0.1 * torch.randn(images.shape))[:, None], classes, ids


def make(spatial_dims, **weights):
    how = {"spatial_dims": spatial_dims, "in_channels": 1, "n_classes": 2, "head": "panoptic"}
    return build_segmenter("panoptic_fpn", SMALL, **how, **weights)


@pytest.mark.parametrize(("spatial_dims", "steps"), [(2, 60), (3, 60)])
def test_learns_pixels_and_objects_of_one_image_by_heart(spatial_dims, steps):
    images, classes, ids = scene(spatial_dims)
    targets = {"classes": classes, "regression": ids}
    segmenter = make(spatial_dims, dice=0.5)
    optimizer = torch.optim.AdamW(segmenter.parameters(), 2e-3)
    torch.manual_seed(0)
    for _ in range(steps):
        optimizer.zero_grad()
        losses = segmenter.losses(images, targets)
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(segmenter.parameters(), 1.0)
        optimizer.step()
    assert set(losses) == {
        *("rpn_object", "rpn_box", "class", "box", "mask"),
        *("cross_entropy", "dice"),
    }
    silent = [n for n, p in segmenter.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []
    segmenter.eval()
    again, maps = segmenter.validate(images, targets)
    assert set(again) == set(losses)
    assert maps.shape == (1, 3, *classes.shape[1:])
    torch.testing.assert_close(maps.sum(1), torch.ones(classes.shape))
    torch.testing.assert_close(maps, segmenter.predict(images))
    assert (maps.argmax(1) == classes).float().mean() > 0.95
    (found,) = segmenter.detect(images)
    best = found.scores.argmax()
    assert found.labels[best] == 1
    expected = torch.tensor([8.0] * spatial_dims + [22.0] * spatial_dims)
    assert (found.boxes[best] - expected).abs().max() < 3


def test_the_weights_of_the_losses_are_those_of_the_settings():
    images, classes, ids = scene(2)
    targets = {"classes": classes, "regression": ids}
    torch.manual_seed(0)
    once = make(2, cross_entropy=1.0).eval().losses(images, targets)
    torch.manual_seed(0)
    thrice = make(2, cross_entropy=3.0).eval().losses(images, targets)
    torch.testing.assert_close(thrice["cross_entropy"], 3 * once["cross_entropy"])
    torch.testing.assert_close(thrice["mask"], once["mask"])
    assert "cross_entropy" not in make(2, cross_entropy=0.0, dice=1.0).losses(images, targets)


def test_pixels_that_are_unknown_do_not_count():
    images, classes, ids = scene(2)
    segmenter = make(2).eval()
    classes[:, 40:] = -1
    before = segmenter.losses(images, {"classes": classes, "regression": ids})["cross_entropy"]
    logits = segmenter.network.semantic(segmenter.network.pyramid(images), (64, 64))
    own = torch.log_softmax(logits, 1).gather(1, classes.clamp(min=0)[:, None])[:, 0]
    torch.testing.assert_close(before, -own[classes >= 0].mean())


@pytest.mark.parametrize(("first_level", "sizes"), [(1, [32, 16, 8, 4]), (2, [16, 8, 4, 2])])
def test_the_pyramid_has_the_whole_backbone_even_where_all_objects_are_small(first_level, sizes):
    options = {"backbone": "resnet18", "width": 0.125, "anchor_sizes": (10.0,)}
    network = PanopticFPN(2, 1, 3, **options, first_level=first_level)
    assert network.strides == (2**first_level,)
    assert network.stride == 64 // sizes[-1]
    pyramid = network.pyramid(torch.zeros(1, 1, 64, 64))
    assert [level.shape[-1] for level in pyramid] == sizes
    assert network.semantic(pyramid, (64, 64)).shape == (1, 3, 64, 64)


CLASSES = {
    2: ClassSpec(name="axon"),
    5: ClassSpec(name="myelin", kind="stuff"),
    7: ClassSpec(name="vessel", kind="stuff"),
}


def test_stuff_fills_what_objects_leave():
    stuff = np.array([[5, 5, 5, 0], [5, 5, 0, 7]], np.uint16)
    found = [Detection((0, 0), np.ones((2, 1), bool), 0.9, 1)]
    semantic, instance, scores = decode_scene(
        Scene(found, stuff), (2, 4), CLASSES, decoder("objects", min_stuff=0)
    )
    assert semantic.tolist() == [[2, 5, 5, 0], [2, 5, 0, 7]]
    assert semantic.dtype == np.uint16
    assert instance.tolist() == [[1, 0, 0, 0], [1, 0, 0, 0]]
    assert scores == [0.9]
    # of myelin 3 pixels are left, of vessel 1: what is less than asked for is background
    semantic, *_ = decode_scene(
        Scene(found, stuff), (2, 4), CLASSES, decoder("objects", min_stuff=3)
    )
    assert semantic.tolist() == [[2, 5, 5, 0], [2, 5, 0, 0]]
    semantic, *_ = decode_scene(
        Scene(found, stuff), (2, 4), CLASSES, decoder("objects", min_stuff=4)
    )
    assert semantic.tolist() == [[2, 0, 0, 0], [2, 0, 0, 0]]
    # a detector without stuff leaves background
    semantic, *_ = decode_scene(Scene(found), (2, 4), CLASSES, decoder("objects"))
    assert semantic.tolist() == [[2, 0, 0, 0], [2, 0, 0, 0]]


def test_no_object_is_of_a_class_of_stuff():
    """The box head has a channel for each class: one of stuff is never right."""
    boxes = [Detection((0, k), np.ones((2, 1), bool), 0.9 - k / 10, k + 1) for k in range(3)]
    semantic, instance, scores = decode_scene(Scene(boxes), (2, 4), CLASSES, decoder("objects"))
    assert semantic.tolist() == [[2, 0, 0, 0], [2, 0, 0, 0]]
    assert instance.tolist() == [[1, 0, 0, 0], [1, 0, 0, 0]]
    assert scores == [0.9]
