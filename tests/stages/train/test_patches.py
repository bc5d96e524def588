from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from every_head import HEADS
from hypothesis import given
from hypothesis import strategies as st
from made_cases import NONE, case_of, ramp
from torch.utils.data import DataLoader

from septum.augmentation.patch_transforms import Augmentation
from septum.errors import SeptumError
from septum.stages.train.cases import WindowedTarget
from septum.stages.train.patches import PatchDataset, PatchSampler, PatchShape, patch_shape


def dataset(cases, shape, *, foreground=0.0, length=10, seed=0, **changes):
    spacing = (1.0,) * len(shape.size)
    augmentation = Augmentation(shape.size, spacing, **changes)
    return PatchDataset(
        cases,
        shape,
        augmentation,
        foreground=foreground,
        scheme=NONE,
        length=length,
        seed_parts=(seed, "test"),
    )


# ---- shape


def valid_segmenter():
    """The sizes of the U-Net paper: 12 modulo 16, from 188 on; 92 lost a side."""
    return SimpleNamespace(
        margin=92, legal_size=lambda size: tuple(max(188, s + (12 - s) % 16) for s in size)
    )


def test_the_requested_patch_is_what_is_predicted():
    shape = patch_shape(valid_segmenter(), (388, 380), 2)
    assert shape.size == (572, 572)
    assert shape.inner == (388, 388)
    padded = SimpleNamespace(margin=0, legal_size=lambda size: tuple(-(-s // 8) * 8 for s in size))
    assert patch_shape(padded, (64, 60, 9), 3) == PatchShape((64, 64, 16), 0)


def test_a_patch_of_another_dimension_is_refused():
    with pytest.raises(SeptumError, match=r"train\.patch: gives 3 sizes.*2 axes"):
        patch_shape(valid_segmenter(), (64, 64, 64), 2)


# ---- sampling


def test_patches_lie_within_the_image_and_reach_its_borders():
    case = case_of(ramp(20, 30), np.zeros((20, 30), np.uint32))
    patches = dataset([case], PatchShape((8, 8), 0), length=3000)
    seen = np.zeros((20, 30), int)
    for i in range(3000):
        patch = patches[i]
        assert patch["classes"].min() == 0
        place = patch["image"][0].long()
        # a piece of the ramp as it lies in the image
        assert torch.equal(place - place[0, 0], torch.arange(8)[:, None] * 30 + torch.arange(8))
        seen[np.unravel_index(int(place[0, 0]), (20, 30))] += 1
    starts = seen[:13, :23]
    assert seen.sum() == starts.sum()
    # every place, evenly: 3000 draws over 299 places
    assert (starts.any(axis=1)).all()
    assert (starts.any(axis=0)).all()
    assert starts.max() < 35


def test_a_patch_larger_than_the_image_holds_all_of_it():
    instance = np.ones((5, 6), np.uint32)
    patches = dataset([case_of(ramp(5, 6), instance)], PatchShape((16, 16), 0), foreground=0.5)
    places = set()
    for i in range(10):
        patch = patches[i]
        assert patch["image"].shape == (1, 16, 16)
        inside = patch["classes"] >= 0
        assert int(inside.sum()) == 30
        assert torch.equal(patch["image"][0][inside], torch.arange(30.0))
        places.add(int(inside.flatten().int().argmax()))
    assert len(places) > 1


def test_valid_networks_are_trained_on_every_pixel_with_mirrored_surroundings():
    shape = PatchShape((12, 12), 4)
    case = case_of(ramp(9, 9), np.zeros((9, 9), np.uint32))
    mirrored = np.pad(ramp(9, 9)[0], 4, mode="reflect")
    patches = dataset([case], shape)
    covered = np.zeros(81, bool)
    for i in range(200):
        patch = patches[i]
        assert patch["classes"][4:8, 4:8].min() == 0
        inner = patch["image"][0, 4:8, 4:8]
        covered[inner.long().flatten().numpy()] = True
        y, x = divmod(int(inner[0, 0]), 9)
        assert np.array_equal(patch["image"][0].numpy(), mirrored[y : y + 12, x : x + 12])
    assert covered.all()


@pytest.mark.parametrize(
    ("share", "least", "most"), [(0.0, 0, 40), (0.5, 80, 130), (1.0, 200, 200)]
)
def test_the_asked_share_of_patches_is_centred_on_objects(share, least, most):
    instance = np.zeros((60, 60), np.uint32)
    instance[20:24, 20:24] = 1
    instance[40, 40] = 2
    image = instance[None].astype(np.float32)
    patches = dataset([case_of(image, instance)], PatchShape((16, 16), 0), foreground=share)
    centred = sum(bool(patches[i]["classes"][8, 8] == 1) for i in range(200))
    assert least <= centred <= most


def test_every_case_comes_up_equally_often():
    images = [np.full((1, 9, 9), i, np.float32) for i in range(7)]
    cases = [case_of(image, np.zeros((9, 9), np.uint32)) for image in images]
    patches = dataset(cases, PatchShape((8, 8), 0), length=10)
    drawn = [int(patches[i]["image"][0, 0, 0]) for i in range(70)]
    rounds = [drawn[i : i + 7] for i in range(0, 70, 7)]
    assert all(sorted(turn) == list(range(7)) for turn in rounds)
    assert len({tuple(turn) for turn in rounds}) > 1


def test_a_patch_depends_on_its_number_and_the_seed_only():
    random = np.random.default_rng(0)
    instance = random.integers(0, 2, (30, 30)).astype(np.uint32)
    case = case_of(random.random((2, 30, 30), np.float32), instance, weights=ramp(30, 30)[0])
    changes = {"flip": True, "rotate": True, "scale": 0.2, "intensity": 0.2, "noise": 0.1}
    shape = PatchShape((16, 16), 0)
    first = dataset([case] * 3, shape, foreground=0.5, **changes)
    second = dataset([case] * 3, shape, foreground=0.5, **changes)
    forwards = [first[i] for i in range(25)]
    backwards = [second[i] for i in reversed(range(25))][::-1]
    for a, b in zip(forwards, backwards, strict=True):
        assert a.keys() == {"image", "classes", "weights"}
        assert all(torch.equal(a[key], b[key]) for key in a)
    # the same place of another epoch, another seed
    other = dataset([case] * 3, shape, foreground=0.5, seed=1, **changes)
    assert not torch.equal(forwards[3]["image"], forwards[13]["image"])
    assert not torch.equal(forwards[3]["image"], other[3]["image"])


def test_volumes_channels_and_cases_without_objects():
    case = case_of(np.ones((3, 9, 20, 20), np.uint16), np.zeros((9, 20, 20), np.uint32))
    patches = dataset([case], PatchShape((8, 16, 16), 0), foreground=1.0, flip=True, scale=0.3)
    patch = patches[0]
    assert patch["image"].shape == (3, 8, 16, 16)
    assert patch["image"].dtype == torch.float32
    assert patch["classes"].shape == (8, 16, 16)
    assert patch["classes"].dtype == torch.int64
    assert torch.equal(patch["image"], torch.ones(3, 8, 16, 16))


def test_a_zoom_needs_no_padding_where_the_image_is_large_enough():
    case = case_of(ramp(40, 40), np.zeros((40, 40), np.uint32))
    patches = dataset([case], PatchShape((16, 16), 0), scale=0.5)
    steps = set()
    for i in range(100):
        patch = patches[i]
        assert patch["image"].shape == (1, 16, 16)
        assert patch["classes"].min() == 0
        steps.add(round(float(patch["image"][0, 8, 9] - patch["image"][0, 8, 8]), 3))
    # pixels of a zoomed patch lie 2/3 to 3/2 pixels of the image apart
    assert 0.6 < min(steps) < 0.8
    assert 1.3 < max(steps) < 1.6


def test_worker_processes_give_the_same_batches():
    case = case_of(ramp(40, 40), np.ones((40, 40), np.uint32))
    patches = dataset([case] * 2, PatchShape((8, 8), 0), flip=True, noise=0.1, length=12)

    def batches(workers):
        sampler = PatchSampler(12)
        loader = DataLoader(
            patches, 4, sampler=sampler, num_workers=workers, persistent_workers=workers > 0
        )
        found = []
        for epoch in (0, 1):
            sampler.set_epoch(epoch)
            found += [batch["image"] for batch in loader]
        return torch.stack(found)

    assert torch.equal(batches(0), batches(2))


# ---- sampler


def test_devices_share_an_epoch():
    alone = PatchSampler(8, epoch=2)
    assert list(alone) == list(range(16, 24))
    halves = [PatchSampler(8, epoch=2, rank=rank, world=2) for rank in (0, 1)]
    assert list(halves[0]) == [16, 18, 20, 22]
    assert list(halves[1]) == [17, 19, 21, 23]
    assert len(halves[0]) == 4
    alone.set_epoch(3)
    assert list(alone) == list(range(24, 32))


# ---- targets of cases that stay on disk


@pytest.mark.parametrize("name", sorted(HEADS))
@given(data=st.data())
def test_a_window_of_the_target_is_that_of_the_whole_case(name, data):
    shape = data.draw(st.sampled_from([(9, 10), (6, 5, 7)]))
    random = np.random.default_rng(data.draw(st.integers(0, 9)))
    instance = random.integers(0, 4, shape).astype(np.uint32)
    semantic = np.where(instance == 3, 2, np.minimum(instance, 1)).astype(np.uint16)
    head = HEADS[name]([1, 2])
    whole = head.target(semantic, instance)
    bounds = [sorted((data.draw(st.integers(0, n)), data.draw(st.integers(0, n)))) for n in shape]
    window = tuple(slice(a, b) for a, b in bounds)
    assert np.array_equal(WindowedTarget(semantic, instance, head)[window], whole[window])
