"""Detectors under the contract: targets from a patch, tiles, maps, and anchors from the data."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from decoders import decoder

from septum.config.schema import ClassSpec
from septum.decoding.objects import Detection
from septum.decoding.scene import Scene, decode_scene
from septum.errors import SeptumError
from septum.networks.create import check_options, create_network, fitted_options
from septum.networks.segmenter import build_segmenter

SMALL = {"backbone": "resnet18", "width": 0.125, "anchor_sizes": (8.0, 16.0)}


def test_classes_are_channels_in_ascending_order_of_their_ids():
    mask = np.ones((2, 2), bool)
    found = [Detection((0, 0), mask, 0.9, 2), Detection((0, 4), mask, 0.8, 1)]
    classes = {9: ClassSpec(name="b"), 4: ClassSpec(name="a")}
    semantic, _, _ = decode_scene(Scene(found), (2, 6), classes, decoder("objects"))
    assert semantic.tolist() == [[9, 9, 0, 0, 4, 4]] * 2


def test_the_contract_gives_losses_and_maps():
    segmenter = build_segmenter(
        "mask_rcnn", SMALL, spatial_dims=2, in_channels=1, n_classes=2, head="detection"
    )
    images = torch.randn(2, 1, 64, 64)
    ids = torch.zeros(2, 1, 64, 64)
    ids[:, 0, 10:20, 10:20] = 5
    classes = (ids[:, 0] > 0).long()
    targets = {"classes": classes, "regression": ids}
    losses = segmenter.losses(images, targets)
    assert set(losses) == {"rpn_object", "rpn_box", "class", "box", "mask"}
    segmenter.eval()
    again, maps = segmenter.validate(images, targets)
    assert set(again) == set(losses)
    assert maps.shape == (2, 3, 64, 64)
    assert (maps.sum(dim=1) == 1).all()
    assert segmenter.legal_size((60, 65)) == (64, 72)


def test_initial_weights_follow_from_the_seed():
    make = {"spatial_dims": 2, "in_channels": 1, "n_classes": 1, "head": "detection"}
    states = [build_segmenter("mask_rcnn", SMALL, **make, seed=s).state_dict() for s in (1, 1, 2)]
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])
    key = "network.rpn.conv.weight"
    assert not torch.equal(states[0][key], states[2][key])


@pytest.mark.parametrize(
    ("smallest", "largest", "level", "sizes"),
    [
        (12.0, 26.0, 1, (12.0, 24.0)),
        (16.0, 26.0, 2, (16.0, 32.0)),
        (5.0, 80.0, 1, (5.0, 10.0, 20.0, 40.0, 80.0)),
        (100.0, 110.0, 4, (100.0,)),
    ],
)
def test_anchors_follow_the_objects(smallest, largest, level, sizes):
    known = {"5": smallest, "95": largest}, (0.3, 0.3)
    options = fitted_options("mask_rcnn", {"width": 0.5}, *known)
    assert options == {"width": 0.5, "first_level": level, "anchor_sizes": sizes}
    assert fitted_options("mask_rcnn", {"anchor_sizes": [9]}, *known)["anchor_sizes"] == [9]
    assert fitted_options("unet", {}, *known) == {}
    assert fitted_options("mask_rcnn", {}, None, (0.3, 0.3)) == {}


def test_anchors_of_stacks_are_as_flat_as_their_voxels_are_long():
    found = fitted_options("mask_rcnn", {}, {"5": 40.0, "95": 50.0}, (1.0, 0.25, 0.2))
    flat = {"first_level": 1, "anchor_sizes": (40.0,), "proportions": (0.2, 0.8, 1.0)}
    assert found == flat  # 8 slices, which level 1 has a feature a quarter of
    network = create_network("mask_rcnn", 3, 1, 2, backbone="resnet18", width=0.125, **flat)
    assert network.rpn.shapes["proportions"] == (0.2, 0.8, 1.0)
    with pytest.raises(SeptumError, match=r"options\.proportions: has 3 entries.*2 axes"):
        create_network("mask_rcnn", 2, 1, 2, **flat)


@pytest.mark.parametrize("name", ["faster_rcnn", "mask_rcnn", "panoptic_fpn"])
def test_options_that_follow_the_objects_survive_a_model_file(name):
    fitted = fitted_options(name, {"ratios": [0.5, 1, 2]}, {"5": 9.0, "95": 30.0}, (1, 1))
    plain = json.loads(json.dumps(check_options(name, fitted)))
    assert plain["anchor_sizes"] == [9.0, 18.0, 36.0]
    again = check_options(name, plain)
    network = create_network(name, 2, 1, 2, **{**again, "backbone": "resnet18", "width": 0.125})
    assert list(network.sizes) == [9.0, 18.0, 36.0]
    with pytest.raises(SeptumError, match=r"anchor_sizes: cannot be \[0\]"):
        check_options(name, {"anchor_sizes": [0]})
    with pytest.raises(SeptumError, match="anchor_sizes"):
        check_options(name, {"anchor_sizes": ["8"]})
