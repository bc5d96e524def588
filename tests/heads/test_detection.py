"""The heads of detectors: classes of pixels, and the objects as they are."""

from __future__ import annotations

import numpy as np
import torch

from septum.heads.detection import DetectionHead, Objects, PanopticHead

IDS = np.array([[0, 3, 3], [7, 0, -1]])


def test_objects_are_their_ids_and_take_no_channel():
    target = Objects.target(IDS, (1.0, 1.0))
    assert target.dtype == np.float32
    assert target.tolist() == [[[0, 3, 3], [7, 0, -1]]]
    assert Objects.channels(2) == Objects.channels(3) == 0
    assert Objects.losses(torch.zeros(1, 0, 2, 2), torch.zeros(1, 1, 2, 2), None) == {}
    assert Objects.undo_symmetry(2, (1, 0), ()) is None


def test_classes_are_background_and_what_is_declared():
    for head in (DetectionHead, PanopticHead):
        assert head.channels(2) == 3
        assert head.outputs(2, spatial_dims=2) == 3
        channels = head([4, 9]).target(np.array([[0, 9, 4]]), np.array([[0, 1, 2]]))
        assert channels.tolist() == [[0, 2, 1]]
