"""Scenes: detections and stuff as label maps, and what tuning tries."""

from __future__ import annotations

import numpy as np
from decoders import decoder

from septum.config.schema import ClassSpec
from septum.decoding.objects import Detection
from septum.decoding.scene import Objects, Scene, decode_scene

CLASSES = {4: ClassSpec(name="cell"), 9: ClassSpec(name="stroma", kind="stuff")}
SQUARE = np.ones((2, 2), bool)


def test_objects_by_falling_score_and_stuff_around_them():
    detections = [Detection((0, 0), SQUARE, 0.6, 1), Detection((0, 3), SQUARE, 0.9, 1)]
    stuff = np.full((2, 6), 9)
    semantic, instance, scores = decode_scene(
        Scene(detections, stuff), (2, 6), CLASSES, decoder("objects", min_stuff=0)
    )
    assert instance.tolist() == [[2, 2, 0, 1, 1, 0]] * 2
    assert semantic.tolist() == [[4, 4, 9, 4, 4, 9]] * 2
    assert scores == [0.9, 0.6]
    assert (semantic.dtype, instance.dtype) == (np.uint16, np.uint32)


def test_a_detection_of_a_class_of_stuff_is_no_object():
    detections = [Detection((0, 0), SQUARE, 0.9, 2), Detection((0, 2), SQUARE, 0.8, 1)]
    semantic, instance, scores = decode_scene(
        Scene(detections), (2, 4), CLASSES, decoder("objects")
    )
    assert instance.tolist() == [[0, 0, 1, 1]] * 2
    assert semantic.tolist() == [[0, 0, 4, 4]] * 2
    assert scores == [0.8]


def test_masks_are_cut_at_one_half_in_two_dimensions():
    assert Objects.tuning(2)["mask_threshold"].values == (0.5,)
    assert Objects.tuning(3)["mask_threshold"].values == (0.5, 0.4, 0.3, 0.2)
    assert Objects.tuning(2)["threshold"].start == 0.5
