"""The objects of a patch, and the masks in their boxes."""

from __future__ import annotations

import torch

from septum.networks.detection.targets import detection_targets, mask_targets


def test_objects_of_a_patch():
    instance = torch.zeros(6, 8)
    instance[1:3, 2:5] = 70_000  # ids may be large and sparse
    instance[4:, 6:] = 3
    classes = torch.zeros(6, 8, dtype=torch.int64)
    classes[1:3, 2:4] = 2
    classes[1:3, 4] = 1  # the minority
    classes[4:, 6:] = 1
    found = detection_targets(instance, classes)
    assert found.ids.tolist() == [3, 70_000]
    assert found.boxes.tolist() == [[4, 6, 6, 8], [1, 2, 3, 5]]
    assert found.labels.tolist() == [1, 2]


def test_an_object_without_a_known_class_is_left_out():
    instance = torch.tensor([[1, 1, 0, 2]])
    found = detection_targets(instance, torch.tensor([[-1, -1, 0, 1]]))
    assert found.ids.tolist() == [2]


def test_a_patch_that_one_object_fills_and_one_without_any():
    full = detection_targets(torch.full((4, 4), 9), torch.ones(4, 4, dtype=torch.int64))
    assert full.boxes.tolist() == [[0, 0, 4, 4]]
    assert full.ids.tolist() == [9]
    empty = detection_targets(torch.zeros(2, 3, 4), torch.zeros(2, 3, 4, dtype=torch.int64))
    assert empty.boxes.shape == (0, 6)


def test_what_lies_outside_the_case_is_neither_object_nor_known():
    instance = torch.full((3, 6), -1)
    instance[:2, 1:5] = torch.tensor([[0, 0, 4, 4], [0, 0, 4, 4]])
    classes = torch.where(instance < 0, -1, (instance > 0).long())
    found = detection_targets(instance, classes)
    assert found.inside.tolist() == [0, 1, 2, 5]
    assert (found.boxes.tolist(), found.ids.tolist()) == ([[0, 3, 2, 5]], [4])
    assert found.instance.min() == 0
    assert torch.equal(found.void, instance < 0)
    whole = detection_targets(torch.zeros(3, 4, 5), torch.zeros(3, 4, 5, dtype=torch.int64))
    assert whole.inside.tolist() == [0, 0, 0, 3, 4, 5]


def test_a_mask_is_the_share_of_each_bin_that_the_object_covers():
    instance = torch.zeros(8, 8)
    instance[0:4, 0:2] = 1
    instance[0:4, 2:4] = 2
    found = detection_targets(instance, (instance > 0).long())
    own = torch.tensor([[0.0, 0.0, 4.0, 4.0]])
    for index, expected in ((0, [[1.0, 0.0], [1.0, 0.0]]), (1, [[0.0, 1.0], [0.0, 1.0]])):
        mask = mask_targets(found, own, torch.tensor([index]), 2)
        assert mask[0].tolist() == expected
    # bins of 3 pixels, looked at 0.75 and 2.25 pixels in: the first object has columns 0 and 1
    wide = mask_targets(found, torch.tensor([[0.0, 0.0, 6.0, 6.0]]), torch.tensor([0]), 2)
    assert wide[0].tolist() == [[0.5, 0.0], [0.25, 0.0]]


def test_masks_in_three_dimensions_and_outside_the_image():
    instance = torch.zeros(4, 4, 4)
    instance[:2] = 5
    found = detection_targets(instance, (instance > 0).long())
    mask = mask_targets(
        found, torch.tensor([[-2.0, 0.0, 0.0, 6.0, 4.0, 4.0]]), torch.tensor([0]), 4
    )
    assert mask.shape == (1, 4, 4, 4)
    # slabs of two pixels; what lies outside is as the border is
    assert mask[0, :, 0, 0].tolist() == [1.0, 1.0, 0.0, 0.0]
