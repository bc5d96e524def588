from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from septum.config.schema import NoScaling
from septum.data.store_attributes import IntensityStatistics
from septum.stages.train.cases import TrainingCase
from septum.stages.train.patches import PatchShape
from septum.stages.train.validation import (
    GridPatches,
    mean_foreground_iou,
    overlap_counts,
    patch_limit,
)


def one_hot(classes, channels):
    return torch.nn.functional.one_hot(torch.tensor(classes), channels).movedim(-1, 1).float()


def test_intersection_and_union_are_counted_channel_by_channel():
    predicted = one_hot([[[0, 1, 1, 2]]], 3)
    counts = overlap_counts(predicted, torch.tensor([[[0, 0, 1, 2]]]))
    assert counts.tolist() == [[1, 1, 1], [2, 2, 1]]
    assert mean_foreground_iou(counts) == pytest.approx((1 / 2 + 1) / 2)


def test_unknown_pixels_are_left_out_and_the_centre_is_compared():
    predicted = one_hot([[[1, 1], [1, 1]]], 2)
    classes = torch.zeros(1, 6, 6, dtype=torch.int64)
    classes[0, 2:4, 2:4] = torch.tensor([[1, 1], [0, -1]])
    assert overlap_counts(predicted, classes).tolist() == [[0, 2], [1, 3]]


def test_absent_classes_do_not_count():
    counts = torch.tensor([[50, 30, 0], [50, 40, 0]])
    assert mean_foreground_iou(counts) == 0.75
    assert math.isnan(mean_foreground_iou(torch.tensor([[9, 0], [9, 0]])))


def case_of(name, *shape):
    image = np.arange(np.prod(shape), dtype=np.float32).reshape(1, *shape)
    return TrainingCase(
        name, image, np.zeros(shape, np.uint8), None, IntensityStatistics({}, [], []), None
    )


@pytest.mark.parametrize("shape", [PatchShape((8, 8), 0), PatchShape((12, 12), 2)])
def test_all_pixels_are_validated_where_there_is_room(shape):
    case = case_of("a", 19, 30)
    grid = GridPatches([case], shape, NoScaling(), limit=99, seed_parts=(0,))
    assert len(grid) == 3 * 4
    seen = np.zeros(case.image.size, int)
    m = shape.margin
    for i in range(len(grid)):
        patch = grid[i]
        inner = patch["image"][0, m : m + 8, m : m + 8].long().numpy()
        assert patch["classes"][m : m + 8, m : m + 8].min() == 0
        seen[np.unique(inner)] += 1
    assert seen.min() == 1


def test_too_many_patches_are_thinned_out_evenly():
    cases = [case_of("a", 64, 64), case_of("b", 16, 16), case_of("c", 64, 64)]
    shape = PatchShape((8, 8), 0)

    def chosen(seed):
        grid = GridPatches(cases, shape, NoScaling(), limit=30, seed_parts=(seed,))
        return [(case.name, window) for case, window in grid.patches]

    patches = chosen(0)
    names = [name for name, _ in patches]
    assert len(set(patches)) == 30
    assert names.count("b") == 4
    assert names.count("a") == names.count("c") == 13
    assert chosen(0) == patches
    assert chosen(1) != patches


def test_a_case_smaller_than_the_patch_is_one_patch():
    grid = GridPatches(
        [case_of("a", 5, 6)], PatchShape((8, 8), 0), NoScaling(), limit=9, seed_parts=(0,)
    )
    assert len(grid) == 1
    assert int((grid[0]["classes"] >= 0).sum()) == 30


def test_validation_is_small_beside_training():
    assert patch_limit(800) == 100
    assert patch_limit(20) == 16
