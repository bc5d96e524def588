"""Objects of an image of any size, found window by window."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from decoders import decoder

from septum.config.schema import ClassSpec
from septum.decoding.scene import Scene, decode_scene
from septum.inference.detect_tiled import detect_tiled
from septum.networks.detection.detected_objects import DetectedObjects
from septum.networks.detector import Detector
from septum.networks.segmenter import build_segmenter

SMALL = {"backbone": "resnet18", "width": 0.125, "anchor_sizes": (8.0, 16.0)}


class Blobs(torch.nn.Module):
    """A network that finds the bright squares of an image without fail, 8 pixels each."""

    n_classes, margin, stride = 1, 0, 8

    def legal_size(self, size):
        return tuple(-(-n // 8) * 8 for n in size)

    def detect(self, images):
        found, size = [], images.shape[2:]
        for image in images:
            corners = torch.nonzero(image[0] == 2).float()  # the first pixel of a square is 2
            boxes = torch.cat([corners, corners + 8], dim=1)
            for a, n in enumerate(size):
                boxes[:, len(size) + a].clamp_(max=n)
            scores = torch.full((len(boxes),), 0.9)
            labels = torch.ones(len(boxes), dtype=torch.int64)
            found.append(DetectedObjects(boxes, scores, labels, None))
        return found


def squares(size, corners):
    image = np.zeros((1, *size), np.float32)
    truth = np.zeros(size, np.int64)
    for number, corner in enumerate(corners, start=1):
        box = tuple(slice(c, c + 8) for c in corner)
        image[(0, *box)] = 1
        image[(0, *corner)] = 2
        truth[box] = number
    return image, truth


@pytest.mark.parametrize("axes", [2, 3])
def test_tiles_count_each_object_once(axes):
    size = (50,) * axes
    corners = [(3,) * axes, (20,) * axes, (30,) * axes, (42,) * axes, (20, *(33,) * (axes - 1))]
    image, truth = squares(size, corners)
    (found,) = detect_tiled(
        Detector(Blobs()), image, tile=(24,) * axes, overlap=0.5, batch=3, device="cpu"
    )
    assert len(found) == len(corners)
    classes = {7: ClassSpec(name="square")}
    semantic, instance, scores = decode_scene(Scene(found), size, classes, decoder("objects"))
    assert semantic.dtype == np.uint16
    np.testing.assert_array_equal(semantic, 7 * (truth > 0))
    assert scores == pytest.approx([0.9] * len(corners))
    for number in range(1, len(corners) + 1):
        (same,) = np.unique(instance[truth == number])
        np.testing.assert_array_equal(instance == same, truth == number)
    _, none, _ = decode_scene(Scene(found), size, classes, decoder("objects", threshold=0.95))
    assert not none.any()


def test_an_image_smaller_than_a_tile_has_no_objects_outside_it():
    image, truth = squares((20, 13), [(2, 2), (11, 4)])
    (found,) = detect_tiled(
        Detector(Blobs()), image, tile=(64, 64), overlap=0.25, batch=1, device="cpu"
    )
    for one in found:
        assert max(one.stop) <= 20
        assert one.stop[1] <= 13
    _, instance, _ = decode_scene(
        Scene(found), (20, 13), {1: ClassSpec(name="a")}, decoder("objects")
    )
    np.testing.assert_array_equal(instance > 0, truth > 0)


def test_tiles_are_looked_at_in_evaluation_mode_whatever_the_mode():
    make = {"spatial_dims": 2, "in_channels": 1, "n_classes": 1, "head": "detection"}
    segmenter = build_segmenter("faster_rcnn", SMALL, seed=1, **make)
    with torch.no_grad():  # untrained, it finds nothing by itself
        segmenter.network.box_head.cls_score.bias[1] += 5
    image = np.random.default_rng(0).random((1, 40, 40), np.float32)
    how = {"tile": (64, 64), "overlap": 0.25, "batch": 1, "device": "cpu"}
    wanted = [(one.start, one.score) for one in detect_tiled(segmenter.eval(), image, **how)[0]]
    assert wanted
    before = {name: value.clone() for name, value in segmenter.state_dict().items()}
    (found,) = detect_tiled(segmenter.train(), image, **how)
    assert [(one.start, one.score) for one in found] == wanted
    assert segmenter.training
    assert all(torch.equal(before[n], value) for n, value in segmenter.state_dict().items())
