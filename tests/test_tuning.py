"""The decoder is tuned where it may be, and only there."""

from __future__ import annotations

import json

import numpy as np
import pytest

from septum.config import ClassSpec, Decode
from septum.decode import decode
from septum.metrics import average_precision
from septum.tuning import best_decoder

ONE = {1: ClassSpec(name="nucleus")}


def case(background=0.05, halo=0.45, core=0.6, specks=(), side=10):
    """Two square objects, each with a one-pixel halo that is not theirs, and specks."""
    truth = np.zeros((40, 48), int)
    foreground = np.full(truth.shape, background)
    for number, left in enumerate((6, 28), start=1):
        foreground[9 : 11 + side, left - 1 : left + side + 1] = halo
        foreground[10 : 10 + side, left : left + side] = core
        truth[10 : 10 + side, left : left + side] = number
    for y, x, size in specks:
        foreground[y : y + size, x : x + size] = 0.9
    return np.stack([1 - foreground, foreground]).astype(np.float32), None, truth


def tune(predictions, head="semantic", annotation="instance", default=8, **fixed):
    return best_decoder(
        predictions,
        head=head,
        classes=ONE,
        annotation=annotation,
        settings=Decode(**fixed),
        min_size_default=default,
    )


def test_the_threshold_that_fits_is_found():
    found = tune([case(halo=0.62, core=0.9)])
    assert found["threshold"] == 0.65
    assert found["score"] == 1.0
    assert tune([case(halo=0.1, core=0.38)])["threshold"] == 0.35


def test_of_equal_scores_the_simplest_wins():
    assert tune([case(halo=0.2, core=0.9)]) == {
        "method": "components",
        "threshold": 0.5,
        "seed_threshold": None,
        "min_size": 8,
        "score": 1.0,
    }


def test_specks_raise_the_minimum_size_but_not_above_the_objects():
    speckled = case(specks=[(2, 2, 4), (33, 40, 4)])
    assert tune([speckled])["min_size"] == 24  # the first of 4, 8, 16, 24 above 16 pixels
    assert tune([speckled])["score"] == 1.0
    assert tune([case(side=3)])["min_size"] == 8


def test_objects_that_grew_together_want_the_watershed():
    truth = np.zeros((16, 30), int)
    truth[3:13, 4:14] = 1
    truth[3:13, 14:24] = 2
    foreground = np.where(truth > 0, 0.95, 0.05)
    foreground[3:13, 12:16] = 0.6
    found = tune([(np.stack([1 - foreground, foreground]), None, truth)])
    assert found["method"] == "watershed"
    assert found["seed_threshold"] >= 0.7
    assert found["score"] > 0.9


def test_what_is_fixed_stays():
    predictions = [case(halo=0.62, core=0.9)]
    found = tune(predictions, threshold=0.42, min_size=3, method="watershed", seed_threshold=0.77)
    score = found.pop("score")
    assert found == {
        "method": "watershed",
        "threshold": 0.42,
        "seed_threshold": 0.77,
        "min_size": 3,
    }
    _, instance = decode(
        predictions[0][0], head="semantic", classes=ONE, annotation="instance", **found
    )
    assert score == pytest.approx(average_precision(predictions[0][2], instance).mean())
    assert tune(predictions, method="components", threshold=0.3)["threshold"] == 0.3


def test_the_score_is_the_mean_over_cases_that_have_objects():
    empty = np.zeros((2, 8, 8))
    empty[0] = 1
    nothing = (empty, None, np.zeros((8, 8), int))
    missed = (empty, None, np.ones((8, 8), int))
    assert tune([case(halo=0.2), nothing])["score"] == 1.0
    assert tune([case(halo=0.2), nothing, missed])["score"] == 0.5
    assert tune([nothing])["score"] is None
    assert tune([])["method"] == "components"


def test_semantic_annotation_has_nothing_to_tune():
    found = tune([], annotation="semantic")
    assert found == {
        "method": "argmax",
        "threshold": None,
        "seed_threshold": None,
        "min_size": None,
        "score": None,
    }


@pytest.mark.parametrize("head", ["semantic", "border"])
def test_the_result_is_json(head):
    probabilities, _, truth = case()
    if head == "border":
        probabilities = np.concatenate([probabilities, np.zeros_like(probabilities[:1])])
    found = tune([(probabilities.astype(np.float16), None, truth)], head=head, default=None)
    assert json.loads(json.dumps(found)) == found
    assert type(found["min_size"]) is int


def test_default_minimum_size_is_half_of_the_smallest_objects():
    assert tune([case(halo=0.2, core=0.9)], default=None)["min_size"] == 50
