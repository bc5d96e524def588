"""Elastic deformation: the field, what is resampled how, types; against SciPy's own splines."""

from __future__ import annotations

import elasticdeform
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from septum.augmentation.elastic import MODES, ElasticDeformation
from septum.errors import SeptumError


def deform_by_scipy(array, displacement, order, mode):
    """Deform by the definition: bicubic field on a coarse grid, then a lookup a pixel."""
    grid = np.meshgrid(*map(np.arange, array.shape), indexing="ij")
    nodes = [
        axis * (points - 1) / (size - 1)
        for axis, points, size in zip(grid, displacement.shape[1:], array.shape, strict=True)
    ]
    field = [ndimage.map_coordinates(d, nodes, order=3, mode="mirror") for d in displacement]
    there = [axis + shift for axis, shift in zip(grid, field, strict=True)]
    return ndimage.map_coordinates(array, there, order=order, mode=mode)


def smooth(shape, seed=0):
    noise = np.random.default_rng(seed).normal(size=shape)
    channels = [ndimage.gaussian_filter(channel, 2) for channel in noise]
    return np.stack([channel / channel.std() for channel in channels]).astype(np.float32)


def blocks(shape):
    """Return square objects in a chequered pattern, ids from 1."""
    coarse = [np.arange(n) // 8 for n in shape]
    ids = np.zeros(shape, np.uint32)
    for axis, index in enumerate(coarse):
        ids = ids * 16 + index.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    return ids + 1


@pytest.mark.parametrize("shape", [(2, 60, 80), (1, 12, 40, 30), (3, 50)])
def test_equals_the_definition(shape):
    image, labels = smooth(shape), blocks(shape[1:])
    deformation = ElasticDeformation(sigma=3, seed=5)
    displacement = deformation.displacement(len(shape) - 1)
    warped, moved = deformation(image, labels)
    expected = [deform_by_scipy(channel, displacement, 3, "mirror") for channel in image]
    np.testing.assert_allclose(warped, expected, atol=1e-5)
    assert np.abs(warped - image).max() > 0.5
    # nearest neighbour: rounding may differ where a pixel comes to lie between two
    there = deform_by_scipy(labels.astype(float), displacement, 0, "mirror")
    assert (moved == there).mean() > 0.999


def test_field_is_drawn_as_elasticdeform_draws_it():
    # The paper's 3 × 3 vectors of 10 px: the peer's own draw, from the same numbers.
    image, deformation = smooth((1, 64, 64))[0], ElasticDeformation(seed=2)

    class Draw:
        randn = staticmethod(lambda *shape: deformation.displacement(2).reshape(shape) / 10.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np.random, "randn", Draw.randn)
        theirs = elasticdeform.deform_random_grid(image, sigma=10, points=3, order=3, mode="mirror")
    np.testing.assert_allclose(deformation(image[None])[0][0], theirs, atol=1e-5)


def test_displacement_is_gaussian_with_sigma():
    draws = [ElasticDeformation(sigma=10, seed=seed).displacement(2) for seed in range(400)]
    assert draws[0].shape == (2, 3, 3)
    assert np.std(draws) == pytest.approx(10, rel=0.03)
    assert np.mean(draws) == pytest.approx(0, abs=0.4)
    assert ElasticDeformation(points=4).displacement(3).shape == (3, 4, 4, 4)


def test_coarse_axis_is_displaced_by_fewer_pixels():
    isotropic = ElasticDeformation(sigma=8, seed=1).displacement(3)
    spaced = ElasticDeformation(sigma=8, seed=1, spacing=(2.0, 0.5, 1.0)).displacement(3)
    np.testing.assert_allclose(spaced[0], isotropic[0] / 4)
    np.testing.assert_allclose(spaced[1], isotropic[1])
    np.testing.assert_allclose(spaced[2], isotropic[2] / 2)


def test_seed_decides_and_global_state_does_not():
    image, labels = smooth((1, 40, 40)), blocks((40, 40))
    first = ElasticDeformation(seed=3)(image, labels)
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    again = ElasticDeformation(seed=3)(image, labels)
    other = ElasticDeformation(seed=4)(image, labels)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    for a, b, c in zip(first, again, other, strict=True):
        assert a.tobytes() == b.tobytes()
        assert a.tobytes() != c.tobytes()


def test_image_and_labels_share_one_field():
    rows, columns = np.ogrid[:96, :96]
    disc = ((rows - 48) ** 2 + (columns - 40) ** 2 < 26**2).astype(np.uint16)
    soft = ndimage.gaussian_filter(disc.astype(float), 1)[None]
    image, (semantic, instance) = ElasticDeformation(seed=8)(soft, [disc, disc.astype(np.uint32)])
    bright = image[0] > 0.5
    assert (semantic == instance).all()
    assert (bright & (semantic > 0)).sum() / (bright | (semantic > 0)).sum() > 0.97
    assert (semantic != disc).sum() > 100


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_types_are_kept(dtype):
    image = np.zeros((1, 40, 40), dtype)
    image[0, :, 20:] = 100
    labels = [(image[0] > 0).astype(t) for t in (np.uint8, np.uint16, np.uint32, np.int64)]
    warped, moved = ElasticDeformation(seed=1)(image, labels)
    assert warped.dtype == dtype
    assert [m.dtype for m in moved] == [m.dtype for m in labels]
    assert [m.shape for m in moved] == [(40, 40)] * 4


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_overshoot_of_splines_does_not_wrap(dtype):
    limits = np.iinfo(dtype)
    image = np.full((1, 60, 60), limits.min, dtype)
    image[0, 20:40, 20:40] = limits.max
    deformation = ElasticDeformation(seed=1, sigma=4)
    exact = deformation(image.astype(float))[0]
    assert exact.max() > limits.max + 1
    assert exact.min() < limits.min - 1
    expected = np.clip(np.rint(exact), limits.min, limits.max)
    # float32 inside may round a half the other way
    assert np.abs(deformation(image)[0] - expected).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint32, np.int64])
def test_ids_beyond_float32_are_kept(dtype):
    labels = (blocks((40, 40)) + (2**31 - 1000)).astype(dtype)
    moved = ElasticDeformation(seed=1)(smooth((1, 40, 40)), labels)[1]
    assert set(np.unique(moved)) <= set(np.unique(labels))


@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=3),
    st.integers(2, 4),
    st.sampled_from([0.0, 0.5, 3.0, 30.0]),
    st.sampled_from(MODES),
    st.integers(0, 2**63 - 1),
)
@settings(max_examples=60, deadline=None)
def test_any_shape(shape, points, sigma, mode, seed):
    image = np.random.default_rng(0).random((2, *shape))
    labels = np.random.default_rng(1).integers(1, 5, shape)
    warped, moved = ElasticDeformation(points, sigma, seed, mode)(image, labels)
    assert warped.shape == image.shape
    assert np.isfinite(warped).all()
    outside = {0} if mode == "constant" else set()
    assert set(np.unique(moved)) <= set(np.unique(labels)) | outside
    assert moved.dtype == labels.dtype


def test_axis_of_one_pixel_stays():
    image, labels = smooth((1, 40, 50))[:, None], blocks((40, 50))[None]
    warped, moved = ElasticDeformation(seed=6)(image, labels)
    displacement = ElasticDeformation(seed=6).displacement(3)[1:, 0]
    np.testing.assert_allclose(
        warped[0, 0], deform_by_scipy(image[0, 0], displacement, 3, "mirror"), atol=1e-5
    )
    assert moved.shape == labels.shape


@pytest.mark.parametrize("mode", MODES)
def test_sigma_zero_changes_nothing(mode):
    image, labels = smooth((2, 30, 20)), blocks((30, 20))
    warped, moved = ElasticDeformation(sigma=0, mode=mode)(image, labels)
    np.testing.assert_allclose(warped, image, atol=1e-5)
    np.testing.assert_array_equal(moved, labels)


def test_without_labels():
    warped, labels = ElasticDeformation()(smooth((1, 20, 20)))
    assert labels is None
    assert warped.shape == (1, 20, 20)


def test_input_is_left_alone():
    image, labels = smooth((1, 30, 30)), blocks((30, 30))
    copies = image.copy(), labels.copy()
    ElasticDeformation()(image, labels)
    assert (image == copies[0]).all()
    assert (labels == copies[1]).all()


@pytest.mark.parametrize(
    ("arguments", "labels_shape", "where"),
    [
        ({"points": 1}, (20, 20), "points"),
        ({"sigma": -1.0}, (20, 20), "sigma"),
        ({"mode": "periodic"}, (20, 20), "mode"),
        ({"spacing": (1.0,)}, (20, 20), "spacing"),
        ({}, (1, 20, 20), "labels"),
    ],
)
def test_bad_arguments(arguments, labels_shape, where):
    with pytest.raises(SeptumError) as error:
        ElasticDeformation(**arguments)(np.zeros((1, 20, 20)), np.zeros(labels_shape, int))
    assert [problem.where for problem in error.value.problems] == [where]
