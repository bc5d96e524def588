from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import get_track_meta

from septum.augmentation.patch_transforms import Augmentation


def rng(seed=0):
    return np.random.default_rng(seed)


def numbered(*size, channels=1):
    """A patch whose image, classes and weights all hold the number of the pixel."""
    number = torch.arange(int(np.prod(size))).reshape(size)
    image = torch.stack([number.float()] * channels)
    return {"image": image, "classes": number, "weights": number.float()}


def outcomes(augmentation, patch, draws):
    random = rng()
    return [augmentation(patch, random) for _ in range(draws)]


def test_nothing_switched_on_changes_nothing():
    patch = numbered(6, 8, channels=2)
    augmentation = Augmentation((6, 8), (1.0, 1.0))
    assert augmentation.draw_zoom(rng()) == 1.0
    out = augmentation(patch, rng())
    assert out.keys() == patch.keys()
    for key, value in patch.items():
        assert torch.equal(out[key], value)
        assert out[key].dtype == value.dtype
        assert type(out[key]) is torch.Tensor


def test_without_weights_there_are_none():
    patch = numbered(4, 4)
    del patch["weights"]
    assert Augmentation((4, 4), (1.0, 1.0))(patch, rng()).keys() == {"image", "classes"}


@pytest.mark.parametrize(
    ("size", "spacing", "flip", "rotate", "symmetries"),
    [
        ((3, 3), (1.0, 1.0), True, True, 8),
        ((3, 3), (1.0, 1.0), True, False, 4),
        ((3, 3), (1.0, 1.0), False, True, 4),
        ((3, 4), (1.0, 1.0), True, True, 4),
        ((3, 3), (1.0, 2.0), True, True, 4),
        ((3, 3, 3), (1.0, 1.0, 1.0), True, True, 48),
        ((3, 3, 3), (5.0, 1.0, 1.0), True, True, 16),
        ((2, 3, 3), (1.0, 1.0, 1.0), True, True, 16),
    ],
)
def test_flips_and_rotations_reach_every_symmetry_of_the_patch(
    size, spacing, flip, rotate, symmetries
):
    augmentation = Augmentation(size, spacing, flip=flip, rotate=rotate)
    seen = set()
    for out in outcomes(augmentation, numbered(*size), 800):
        # everything moves together
        assert torch.equal(out["image"][0], out["classes"].float())
        assert torch.equal(out["weights"], out["classes"].float())
        seen.add(tuple(out["classes"].flatten().tolist()))
    assert len(seen) == symmetries
    assert all(sorted(order) == list(range(int(np.prod(size)))) for order in seen)


def test_flips_happen_half_of_the_time():
    augmentation = Augmentation((4, 4), (1.0, 1.0), flip=True)
    same = sum(
        int(out["classes"][0, 0]) == 0 for out in outcomes(augmentation, numbered(4, 4), 400)
    )
    assert 70 < same < 130  # a quarter: neither axis


@pytest.mark.parametrize("extent", [24, 40])
def test_image_classes_and_weights_stay_aligned_when_zoomed(extent):
    augmentation = Augmentation((32, 32), (1.0, 1.0), scale=0.5)
    for edge in range(1, extent):
        # a straight edge: half-way of the linear image is where the nearest class changes
        step = (torch.arange(extent) >= edge).expand(extent, extent)
        patch = {"image": step.float()[None], "classes": step.long(), "weights": step.float()}
        out = augmentation(patch, rng())
        ours = (torch.arange(32) + 0.5) * extent / 32 > edge
        assert torch.equal(out["classes"], ours.expand(32, 32).long())
        assert torch.equal(out["image"][0] > 0.5, out["classes"] == 1)
        assert torch.equal(out["weights"], out["image"][0])


def test_zooming_keeps_the_ids_of_classes():
    patch = numbered(10, 10, 10)
    patch["classes"] = torch.randint(-1, 200, (10, 10, 10), generator=torch.manual_seed(0))
    out = Augmentation((12, 12, 12), (1.0,) * 3, scale=0.5)(patch, rng())
    assert set(out["classes"].unique().tolist()) <= set(patch["classes"].unique().tolist())
    assert out["image"].shape == (1, 12, 12, 12)


def test_zooms_are_drawn_within_their_bounds():
    augmentation = Augmentation((8, 8), (1.0, 1.0), scale=0.25)
    random = rng()
    zooms = np.array([augmentation.draw_zoom(random) for _ in range(2000)])
    changed = zooms[zooms != 1.0]
    assert 900 < len(changed) < 1100
    assert 0.8 <= changed.min() < 0.81
    assert 1.24 < changed.max() <= 1.25
    # as often larger as smaller
    assert 0.45 < np.mean(changed > 1) < 0.55


def test_intensity_changes_the_image_only_and_keeps_the_order_of_its_pixels():
    patch = numbered(9, 9, channels=2)
    patch["image"] = torch.rand(2, 9, 9, generator=torch.manual_seed(0))
    order = patch["image"].reshape(2, -1).argsort()
    augmentation = Augmentation((9, 9), (1.0, 1.0), intensity=0.2)
    changed = [
        o for o in outcomes(augmentation, patch, 200) if (o["image"] != patch["image"]).any()
    ]
    assert 70 < len(changed) < 130
    for out in changed:
        assert torch.equal(out["classes"], patch["classes"])
        assert torch.equal(out["weights"], patch["weights"])
        assert torch.equal(out["image"].reshape(2, -1).argsort(), order)
    # channels change on their own
    first, second = (torch.stack([o["image"][c].mean() for o in changed]) for c in (0, 1))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.4
    assert 0.05 < float(first.std()) < 0.2


def test_a_constant_channel_survives():
    patch = numbered(5, 5)
    patch["image"] = torch.full((1, 5, 5), 3.0)
    for out in outcomes(Augmentation((5, 5), (1.0, 1.0), intensity=0.5), patch, 20):
        assert torch.isfinite(out["image"]).all()


def test_noise_is_as_strong_as_asked():
    patch = numbered(64, 64)
    patch["image"] = torch.zeros(1, 64, 64)
    spread = [
        float(out["image"].std())
        for out in outcomes(Augmentation((64, 64), (1.0, 1.0), noise=0.3), patch, 300)
    ]
    noisy = [s for s in spread if s > 0]
    assert 110 < len(noisy) < 190
    assert max(noisy) < 0.31
    assert 0.12 < np.mean(noisy) < 0.18


def test_the_generator_decides_everything_and_monai_is_left_as_it_was():
    before = get_track_meta()
    augmentation = Augmentation(
        (8, 8), (1.0, 1.0), flip=True, rotate=True, scale=0.3, intensity=0.2, noise=0.1
    )
    patch = numbered(7, 7)
    first, again = augmentation(patch, rng(5)), augmentation(patch, rng(5))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert get_track_meta() == before
