"""The decoder is tuned where it may be, and only there."""

from __future__ import annotations

import numpy as np
import pytest

from septum.config.schema import ClassSpec, Decode, canonical_json
from septum.decoding.decode import decode
from septum.decoding.objects import Detection
from septum.decoding.parameters import Decoder
from septum.decoding.scene import Scene
from septum.heads.flows import flow_targets
from septum.metrics.matching import average_precision
from septum.stages.tune.decoder import best_decoder

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
        min_size=default,
        spatial_dims=predictions[0][2].ndim if predictions else 2,
    )


def test_the_threshold_that_fits_is_found():
    found = tune([case(halo=0.62, core=0.9)])
    assert found["threshold"] == 0.65
    assert found.score == 1.0
    assert tune([case(halo=0.1, core=0.38)])["threshold"] == 0.35


def test_of_equal_scores_the_simplest_wins():
    assert tune([case(halo=0.2, core=0.9)]).model_dump() == {
        "method": "components",
        "parameters": {"threshold": 0.5, "min_size": 8},
        "score": 1.0,
    }


def test_specks_raise_the_minimum_size_but_not_above_the_objects():
    speckled = case(specks=[(2, 2, 4), (33, 40, 4)])
    assert tune([speckled])["min_size"] == 24  # the first of 4, 8, 16, 24 above 16 pixels
    assert tune([speckled]).score == 1.0
    assert tune([case(side=3)])["min_size"] == 8


def test_objects_that_grew_together_want_the_watershed():
    truth = np.zeros((16, 30), int)
    truth[3:13, 4:14] = 1
    truth[3:13, 14:24] = 2
    foreground = np.where(truth > 0, 0.95, 0.05)
    foreground[3:13, 12:16] = 0.6
    found = tune([(np.stack([1 - foreground, foreground]), None, truth)])
    assert found.method == "watershed"
    assert found["seed_threshold"] >= 0.7
    assert found.score > 0.9


def test_what_is_fixed_stays():
    predictions = [case(halo=0.62, core=0.9)]
    found = tune(predictions, threshold=0.42, min_size=3, method="watershed", seed_threshold=0.77)
    assert found.method == "watershed"
    assert found.parameters == {"threshold": 0.42, "seed_threshold": 0.77, "min_size": 3}
    _, instance = decode(
        predictions[0][0], found, head="semantic", classes=ONE, annotation="instance"
    )
    assert found.score == pytest.approx(average_precision(predictions[0][2], instance).mean())
    assert tune(predictions, method="components", threshold=0.3)["threshold"] == 0.3


def test_the_score_is_the_mean_over_cases_that_have_objects():
    empty = np.zeros((2, 8, 8))
    empty[0] = 1
    nothing = (empty, None, np.zeros((8, 8), int))
    missed = (empty, None, np.ones((8, 8), int))
    assert tune([case(halo=0.2), nothing]).score == 1.0
    assert tune([case(halo=0.2), nothing, missed]).score == 0.5
    assert tune([nothing]).score is None
    assert tune([]).method == "components"


def test_semantic_annotation_has_nothing_to_tune():
    found = tune([], annotation="semantic")
    assert found.model_dump() == {"method": "argmax", "parameters": {}, "score": None}


@pytest.mark.parametrize("head", ["semantic", "border"])
def test_the_result_is_json(head):
    probabilities, _, truth = case()
    if head == "border":
        probabilities = np.concatenate([probabilities, np.zeros_like(probabilities[:1])])
    found = tune([(probabilities.astype(np.float16), None, truth)], head=head, default=50)
    assert Decoder.model_validate_json(canonical_json(found)) == found
    assert type(found["min_size"]) is int


def detections(*boxes):
    """Objects (y, x, height, width, score) of the first class."""
    return [Detection((y, x), np.ones((h, w), bool), score, 1) for y, x, h, w, score in boxes]


def scenes(found, stuff=None):
    """Return the scene at the only threshold of masks that is tried in 2-D."""
    return {0.5: Scene(found, stuff)}


def test_of_a_detector_in_3d_the_threshold_of_masks_is_tuned():
    truth = np.zeros((20, 20, 20), int)
    truth[5:15, 5:15, 5:15] = 1
    seen = {}
    for level in (0.2, 0.3, 0.4, 0.5):
        mask = np.ones((10, 10, round(15 - 10 * level)), bool)
        seen[level] = Scene([Detection((5, 5, 5), mask, 0.9, 1)])
    assert tune([(seen, None, truth)], head="detection")["mask_threshold"] == 0.5
    truth[5:15, 5:15, 5:17] = 1
    best = tune([(seen, None, truth)], head="detection")
    assert (best["mask_threshold"], best.score) == (0.3, 1.0)
    only = {0.45: seen[0.4]}
    assert tune([(only, None, truth)], "detection", mask_threshold=0.45)["mask_threshold"] == 0.45


def test_of_a_detector_the_score_and_the_overlap_are_tuned():
    truth = np.zeros((40, 40), int)
    truth[2:12, 8:24] = 2  # 16 wide, of which a better one covers the first 4
    truth[2:12, 2:12] = 1
    found = detections((2, 2, 10, 10, 0.9), (2, 8, 10, 16, 0.6), (25, 25, 8, 8, 0.45))
    best = tune([(scenes(found), None, truth)], head="detection")
    assert best.method == "objects"
    assert 0.45 < best["threshold"] <= 0.6
    assert best.score == 1.0
    # most of what a detector finds it is sure of
    sure = detections((2, 2, 10, 10, 0.98), (2, 8, 10, 16, 0.96), (25, 25, 8, 8, 0.93))
    assert tune([(scenes(sure), None, truth)], head="detection")["threshold"] == 0.95
    # covered by a quarter: an overlap of 0.2 would drop it
    assert best["overlap"] == 0.5
    # and of two answers for one object the lesser one is dropped, which asks for a low overlap
    truth = np.where(truth == 1, truth, 0)
    found = detections((2, 2, 10, 10, 0.9), (5, 2, 10, 10, 0.8))
    best = tune([(scenes(found), None, truth)], head="detection", threshold=0.4, min_size=0)
    assert best["overlap"] == 0.5
    found = detections((2, 2, 10, 10, 0.9), (8, 2, 10, 10, 0.8))
    best = tune([(scenes(found), None, truth)], head="detection", threshold=0.4, min_size=0)
    assert best["overlap"] == 0.2


PANOPTIC = {1: ClassSpec(name="axon"), 2: ClassSpec(name="myelin", kind="stuff")}


def test_of_panoptic_annotation_pq_decides_and_little_stuff_is_dropped():
    semantic = np.zeros((40, 40), int)
    semantic[5:15, 5:15] = 1
    instance = semantic.copy()
    stuff = np.zeros((40, 40), int)
    stuff[30:34, 30:34] = 2  # 16 pixels that are none
    found = scenes(detections((5, 5, 10, 10, 0.9)), stuff)
    how = {"head": "panoptic", "classes": PANOPTIC, "annotation": "panoptic"}
    best = best_decoder([(found, semantic, instance)], settings=Decode(), min_size=5, **how)
    assert best.score == 1.0
    assert best["min_stuff"] == 40  # the first of 0, 10, 40, 160 above 16
    semantic[30:34, 30:34] = 2
    best = best_decoder([(found, semantic, instance)], settings=Decode(), min_size=5, **how)
    assert (best.score, best["min_stuff"]) == (1.0, 0)
    # half of the stuff is wrong: things and stuff count alike
    semantic[30:32, 30:34] = 0
    best = best_decoder(
        [(found, semantic, instance)], settings=Decode(min_stuff=0), min_size=5, **how
    )
    assert best.score == 0.5  # an IoU of 0.5 is no match


@pytest.mark.parametrize(("length", "error"), [(1.0, 0.4), (0.3, 0.6)])
def test_objects_of_short_flows_are_kept_by_a_larger_error(length, error):
    # of a vector of length 0.3 the squared difference to one of length 1 is 0.49
    truth = np.zeros((40, 48), int)
    truth[5:20, 5:20], truth[5:20, 20:35] = 1, 2
    inside = np.where(truth > 0, 0.9, 0.1)
    maps = np.stack([1 - inside, inside, *(length * flow_targets(truth))])
    best = tune([(maps.astype(np.float32), None, truth)], head="flows")
    assert best.method == "flows"
    assert best.score > 0.9
    assert best["flow_error"] == error
    assert "seed_threshold" not in best.parameters
