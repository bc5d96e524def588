"""Border weight maps: against the formula, object by object."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_maps import distances_by_object, label_maps
from scipy import ndimage

from septum.errors import SeptumError
from septum.instances.touching import separate_touching
from septum.losses.border_weights import border_weight_map


def balanced(labels):
    """Return w_c = N / (K N_c) of every pixel, for background and objects."""
    inside = labels > 0
    share = np.array([(~inside).mean(), inside.mean()])
    return 1 / ((share > 0).sum() * share[inside.astype(int)])


def paper(labels, spacing=None, w0=10.0, sigma=5.0):
    d1, d2 = distances_by_object(labels, spacing)
    border = w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2))
    return balanced(labels) + np.where(labels == 0, border, 0)


def lmb(labels, spacing=None):
    d1, d2 = distances_by_object(labels, spacing)
    outside = 0.1 + 0.9 * np.exp(-(d1**2) / 200) + 50 * np.exp(-((d1 + d2) ** 2) / 72)
    return np.where(labels == 0, outside, 1)


def bars(gap, thickness=3):
    """Return two bars with ``gap`` rows between them."""
    labels = np.zeros((2 * thickness + gap, 7), np.uint16)
    labels[:thickness], labels[thickness + gap :] = 1, 2
    return labels


class TestPaperMode:
    @pytest.mark.parametrize(("d", "border"), [(2, 7.26), (4, 2.78), (6, 0.56)])
    def test_published_values_midway(self, d, border):
        weights = border_weight_map(bars(2 * d - 1), class_balance=False)
        assert weights[3 + d - 1] == pytest.approx(np.full(7, 1 + border), abs=5e-3)

    def test_known_mistakes(self):
        weights = border_weight_map(bars(7), class_balance=False)
        middle = weights[3 + 3, 0]
        assert middle != pytest.approx(1 + 10)  # (d1 - d2)²
        assert middle != pytest.approx(1 + 10 * math.exp(-64 / 25))  # σ² taken for 2σ²
        assert middle != pytest.approx(1 + 10 * math.exp(-64 / (2 * 25**2)))  # σ = 25
        assert middle == pytest.approx(1 + 10 * math.exp(-64 / 50))
        assert (weights[:3] == 1).all()  # the term inside of objects
        assert (weights[-3:] == 1).all()

    def test_touching_objects_are_told_apart(self):
        # a binary mask would make one object of them, without any border term
        labels = np.array([[0, 1, 1, 2, 2, 0]])
        weights = border_weight_map(labels, class_balance=False)
        # left: 1 px to object 1, 3 px to object 2
        assert weights[0, 0] == pytest.approx(1 + 10 * math.exp(-16 / 50))
        ridge = border_weight_map(separate_touching(labels), class_balance=False)
        assert ridge[0, 2] == pytest.approx(1 + 10 * math.exp(-4 / 50))

    def test_an_object_in_two_pieces_has_no_gap(self):
        labels = bars(3)
        labels[labels == 2] = 1
        assert (border_weight_map(labels, class_balance=False) == 1).all()

    @pytest.mark.parametrize("ids", [[], [1]])
    def test_fewer_than_two_objects(self, ids):
        labels = np.zeros((6, 10), int)
        for i in ids:
            labels[1:4, 2:7] = i
        weights = border_weight_map(labels)
        assert weights == pytest.approx(balanced(labels))

    def test_class_balance(self):
        labels = np.array([[1, 0, 0, 0]])
        assert border_weight_map(labels)[0].tolist() == pytest.approx([2, 2 / 3, 2 / 3, 2 / 3])
        assert border_weight_map(labels, class_balance=False)[0].tolist() == [1, 1, 1, 1]
        assert border_weight_map(labels, class_weights=(0.5, 3))[0].tolist() == [3, 0.5, 0.5, 0.5]
        for constant in (np.zeros((2, 2), int), np.ones((2, 2), int)):
            assert (border_weight_map(constant) == 1).all()

    def test_semantic_classes(self):
        labels = np.array([[1, 1, 0, 0, 0, 0]])
        classes = np.array([[1, 1, 2, 0, 0, 0]])
        weights = border_weight_map(labels, classes=classes)
        assert weights[0].tolist() == pytest.approx([1, 1, 2, 2 / 3, 2 / 3, 2 / 3])
        weights = border_weight_map(labels, classes=classes, class_weights=[1, 5, 7])
        assert weights[0].tolist() == [5, 5, 7, 1, 1, 1]

    @given(label_maps())
    @settings(max_examples=150, deadline=None)
    def test_equals_the_formula(self, drawn):
        labels, spacing = drawn
        weights = border_weight_map(labels, spacing=spacing)
        assert weights.dtype == np.float32
        np.testing.assert_allclose(weights, paper(labels, spacing), atol=1e-5)

    @given(label_maps(), st.sampled_from([0.0, 1e-8, 0.5, 40.0]), st.sampled_from([0.6, 3.0, 12.0]))
    @settings(max_examples=100, deadline=None)
    def test_equals_the_formula_for_other_constants(self, drawn, w0, sigma):
        labels, spacing = drawn
        weights = border_weight_map(labels, spacing=spacing, w0=w0, sigma=sigma)
        expected = paper(labels, spacing, w0, sigma)
        np.testing.assert_allclose(weights, expected, atol=1e-5 * max(1, w0 / 10))

    @pytest.mark.parametrize(
        ("shape", "spacing"), [((150, 170), (1, 1)), ((12, 40, 40), (4, 1, 1))]
    )
    def test_equals_the_formula_far_beyond_sigma(self, shape, spacing):
        random = np.random.default_rng(3)
        seeds = random.integers(1, 30, shape) * (random.random(shape) < 0.002)
        labels = ndimage.grey_dilation(seeds, size=3)
        weights = border_weight_map(labels, spacing=spacing)
        np.testing.assert_allclose(weights, paper(labels, spacing), atol=1e-5)


class TestLmbMode:
    @pytest.mark.parametrize(("d", "gap"), [(2, 40.0), (4, 20.6), (6, 6.77)])
    def test_values_of_the_released_code_midway(self, d, gap):
        weights = border_weight_map(bars(2 * d - 1), mode="lmb")
        rim = 0.1 + 0.9 * math.exp(-(d**2) / 200)
        assert weights[3 + d - 1] == pytest.approx(np.full(7, rim + gap), abs=0.05)
        assert (weights[:3] == 1).all()

    @given(label_maps())
    @settings(max_examples=100, deadline=None)
    def test_equals_the_formula(self, drawn):
        labels, spacing = drawn
        weights = border_weight_map(labels, spacing=spacing, mode="lmb")
        np.testing.assert_allclose(weights, lmb(labels, spacing), atol=5e-5)

    def test_far_from_objects(self):
        labels = np.zeros(200, int)
        labels[0] = 1
        weights = border_weight_map(labels, mode="lmb")
        np.testing.assert_allclose(weights, lmb(labels), atol=1e-6)
        assert (border_weight_map(0 * labels, mode="lmb") == np.float32(0.1)).all()

    def test_constants_follow_w0_and_sigma(self):
        labels = bars(7)
        scaled = border_weight_map(labels, mode="lmb", w0=20, sigma=2.5, spacing=(0.5, 0.5))
        rim = 0.1 + 0.9 * math.exp(-(4**2) / 200)
        assert scaled[6, 0] == pytest.approx(rim + 100 * math.exp(-(8**2) / 72), rel=1e-5)

    def test_classes_that_are_no_objects(self):
        weights = border_weight_map(np.array([0, 0, 0]), mode="lmb", classes=np.array([0, 3, 0]))
        assert weights.tolist() == pytest.approx([0.1, 1, 0.1])


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ({"mode": "java"}, "mode"),
        ({"sigma": 0}, "sigma"),
        ({"sigma": math.nan}, "sigma"),
        ({"w0": -1}, "w0"),
        ({"spacing": (1, 1, 1)}, "spacing"),
        ({"classes": np.zeros((2, 2), int)}, "classes"),
        ({"classes": np.zeros((7, 7))}, "classes"),
        ({"class_weights": [1.0]}, "class_weights"),
    ],
)
def test_bad_settings(arguments, where):
    with pytest.raises(SeptumError) as error:
        border_weight_map(bars(1), **arguments)
    assert [problem.where for problem in error.value.problems] == [where]
