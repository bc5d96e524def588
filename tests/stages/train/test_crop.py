"""Pieces of cases: what hangs over the border, and what is learnt there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from made_cases import NONE, case_of, ramp

from septum.augmentation.patch_transforms import Augmentation
from septum.config.schema import StandardScaling
from septum.data.store_attributes import IntensityStatistics
from septum.heads.detection import Objects
from septum.heads.distance import Distance
from septum.heads.flows import Flows
from septum.heads.stardist import Stars
from septum.stages.train.cases import TrainingCase
from septum.stages.train.crop import cut, to_tensors, with_regression


def test_pixels_outside_the_case_have_no_class():
    instance = np.ones((3, 4), np.uint32)
    piece = cut(case_of(ramp(3, 4), instance, weights=ramp(3, 4)[0]), ((-1, 2), (3, 3)), NONE)
    assert piece["classes"].tolist() == [[-1, -1, -1], [1, 1, -1], [1, 1, -1]]
    assert piece["image"].tolist() == [[[6, 7, 6], [2, 3, 2], [6, 7, 6]]]
    assert piece["weights"].shape == (3, 3)


@pytest.mark.parametrize("shape", [(14, 15), (11, 12, 13)])
@pytest.mark.parametrize("kind", [Distance, Stars, Flows, Objects])
def test_what_is_learnt_of_an_object_at_the_border_is_the_same_in_every_window(kind, shape):
    ndim = len(shape)
    instance = np.zeros(shape, np.uint32)
    instance[(slice(0, 7),) * ndim] = 3  # in a corner of the image
    instance[(slice(0, 9), slice(9, 12), *[slice(2, 9)] * (ndim - 2))] = 1
    case = replace(case_of(np.zeros((1, *shape), np.float32), instance), instance=instance)
    spacing = (1.0, 0.5, 2.0)[:ndim]

    def learnt(start, end):
        window = (start,) * ndim, (end - start,) * ndim
        patch = with_regression(to_tensors(cut(case, window, NONE)), kind, spacing)
        return patch["regression"][(slice(None), *(slice(-start, None),) * ndim)]

    assert torch.equal(learnt(-4, 10), learnt(0, 10))


def test_outside_the_case_is_told_from_no_object_however_a_patch_is_changed():
    instance = np.zeros((9, 9), np.uint32)
    instance[:4, :4] = 7
    case = replace(case_of(ramp(9, 9), instance), instance=instance)
    piece = to_tensors(cut(case, ((-3, -3), (8, 8)), NONE))
    assert piece["instance"].unique(return_counts=True)[1].tolist() == [39, 9, 16]
    augmentation = Augmentation((16, 16), (1.0, 1.0), flip=True, rotate=True, scale=0.5)
    for seed in range(10):
        patch = augmentation(piece, np.random.default_rng(seed))
        assert torch.equal(patch["instance"] == -1, patch["classes"] == -1)
        assert patch["instance"].unique(return_counts=True)[1].tolist() == [156, 36, 64]
        objects = with_regression(patch, Objects, (1.0, 1.0))["regression"]
        assert torch.equal(objects[0], patch["instance"].float())


def test_a_patch_is_normalised_by_its_whole_case():
    image = ramp(4, 4)
    statistics = IntensityStatistics({}, mean=[10.0], std=[2.0])
    case = TrainingCase("a", image, np.zeros((4, 4), np.uint8), None, statistics, None)
    piece = cut(case, ((0, 0), (1, 2)), StandardScaling())
    assert piece["image"].tolist() == [[[-5.0, -4.5]]]
    assert "weights" not in piece
