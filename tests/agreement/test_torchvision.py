"""Boxes and RoIAlign against what torchvision answered (tests/data/peers/README.md)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from septum.networks.detection.boxes import iou
from septum.networks.detection.nms import nms
from septum.networks.detection.roi_align import roi_align

PEER = json.loads(
    (Path(__file__).resolve().parents[1] / "data" / "peers" / "torchvision.json").read_text()
)


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("aligned", [True, False])
def test_roi_align_is_torchvisions(aligned):
    found = roi_align(
        tensor(PEER["features"]),
        tensor(PEER["boxes"]),
        torch.tensor(PEER["images"]),
        tuple(PEER["size"]),
        scale=1 / PEER["stride"],
        sampling_ratio=PEER["ratio"],
        aligned=aligned,
    )
    torch.testing.assert_close(found, tensor(PEER[f"aligned_{str(aligned).lower()}"]))


@pytest.mark.parametrize("threshold", sorted(PEER["nms"]["kept"]))
def test_the_same_boxes_stay(threshold):
    boxes, scores = tensor(PEER["nms"]["boxes"]), tensor(PEER["nms"]["scores"])
    assert nms(boxes, scores, float(threshold)).tolist() == PEER["nms"]["kept"][threshold]


def test_iou_is_torchvisions():
    boxes = tensor(PEER["nms"]["boxes"])
    torch.testing.assert_close(iou(boxes[:5], boxes[5:11]), tensor(PEER["iou"]), atol=1e-6, rtol=0)
