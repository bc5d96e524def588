"""The parameters of a classical method are tuned on validation cases."""

from __future__ import annotations

import json

import numpy as np
import pytest

from septum.classical.create import create_method, method_names, parameter_grid
from septum.classical.watershed import Watershed
from septum.data.store import Case, Geometry, write_case
from septum.data.store_attributes import IntensityStatistics
from septum.errors import SeptumError
from septum.metrics.matching import average_precision
from septum.stages.tune.baseline_parameters import Sample, best_parameters, tune

# all that is not asked for in a test, so that it is quick
QUIET = {"level": 0.5, "sigma": 0.0, "window": 0.0, "h": 0.0, "min_size": 0, "polarity": "bright"}


def squares(*, bright=True, specks=(), side=10):
    """Two squares of one brightness on another, and single pixels that are no objects."""
    true = np.zeros((40, 48), int)
    for number, left in enumerate((6, 28), start=1):
        true[10 : 10 + side, left : left + side] = number
    grey = np.where(true > 0, 100.0, 0.0)
    for place in specks:
        grey[place] = 100
    return Sample((grey if bright else 100 - grey)[None], true, (1.0, 1.0))


def tuned(samples, **changes):
    fixed = {key: value for key, value in {**QUIET, **changes}.items() if value is not None}
    found = best_parameters("watershed", samples, fixed=fixed)
    return found["parameters"], found["score"]


@pytest.mark.parametrize("bright", [True, False])
def test_polarity_is_found(bright):
    parameters, score = tuned([squares(bright=bright)], polarity=None)
    assert parameters["polarity"] == ("bright" if bright else "dark")
    assert score == 1.0


def test_specks_are_removed_by_size():
    # the squares have 100 pixels: sizes 12, 0, 6, 25 and 50 are tried
    parameters, score = tuned([squares(specks=[(2, 2), (33, 40)])], min_size=None)
    assert (parameters["min_size"], score) == (12, 1.0)
    blocks = [(r, c) for r in range(30, 34) for c in range(20, 24)]
    parameters, score = tuned([squares(specks=blocks)], min_size=None)
    assert (parameters["min_size"], score) == (25, 1.0)


def test_one_parameter_after_the_other_until_none_changes():
    sample = squares(specks=[(r, c) for r in range(30, 34) for c in range(2, 6)])
    sample.image[0, 10:20, 28:38] = 30
    for left in (10, 20, 30):
        sample.image[0, 30:34, left : left + 4] = 30
    # a low level finds the dim square and three blocks: 2 / 6, no better than 1 / 3 without. Only
    # when blocks of 16 pixels are too small, which the bright one asks for, does it pay
    parameters, score = tuned([sample], level=None, min_size=None)
    assert (parameters["level"], parameters["min_size"], score) == (0.2, 25, 1.0)
    assert tuned([sample], level=None, min_size=12)[0]["level"] == 0.5


def test_of_equal_scores_the_start_stays():
    parameters, score = tuned([squares()], level=None, min_size=None, h=None)
    assert (parameters["level"], parameters["min_size"], parameters["h"]) == (0.5, 12, 1.0)
    assert score == 1.0


def test_the_channel_is_found_among_several():
    sample = squares()
    noise = np.random.default_rng(0).normal(0, 300, (2, *sample.true.shape))
    image = np.stack([noise[0], sample.image[0], noise[1]])
    parameters, score = tuned([Sample(image, sample.true, (1.0, 1.0))])
    assert (parameters["channel"], score) == (1, 1.0)


@pytest.mark.parametrize("name", method_names())
def test_the_channel_is_found_among_those_of_an_8_bit_image(name):
    sample = squares()
    image = np.random.default_rng(0).integers(0, 256, (3, *sample.true.shape), dtype=np.uint8)
    image[2] = sample.image[0]
    fixed = {key: values[0] for key, values in parameter_grid(name, edge=10, pixels=100).items()}
    found = best_parameters(name, [Sample(image, sample.true, (1.0, 1.0))], fixed=fixed)
    assert found["parameters"]["channel"] == 2
    assert found["score"] >= 0.5


def test_the_score_is_the_mean_over_cases_that_have_objects():
    empty = Sample(np.zeros((1, 8, 8)), np.zeros((8, 8), int), (1.0, 1.0))
    missed = Sample(np.zeros((1, 8, 8)), np.ones((8, 8), int), (1.0, 1.0))
    assert tuned([squares(), empty])[1] == 1.0
    assert tuned([squares(), empty, missed])[1] == 0.5
    assert tuned([empty])[1] is None
    assert tuned([])[1] is None


def test_the_score_is_that_of_the_parameters():
    sample = squares(specks=[(2, 2), (33, 40)])
    parameters, score = tuned([sample], min_size=0)
    labels = Watershed(**parameters).segment(sample.image, spacing=(1, 1))
    assert score == pytest.approx(average_precision(sample.true, labels).mean())
    assert score == 0.5


def test_without_instances_the_foreground_counts():
    true = np.zeros((20, 20), int)
    true[4:12, 4:12] = 3
    grey = np.where(true > 0, 100.0, 0.0)
    grey[12:16, 4:12] = 100  # 32 pixels too many: 64 / 96
    sample = Sample(grey[None], true, (1.0, 1.0), instances=False)
    assert tuned([sample])[1] == pytest.approx(2 / 3)


@pytest.mark.parametrize("name", ["watershed", "graph_cut"])
def test_what_is_fixed_stays_and_the_result_is_json(name):
    found = best_parameters(name, [squares()], fixed={"level": 0.44, "polarity": "bright"})
    assert found["parameters"]["level"] == 0.44
    assert json.loads(json.dumps(found)) == found
    assert set(found["parameters"]) == set(type(create_method(name, {})).model_fields)
    assert (found["method"], found["cases"], found["pixels"]) == (name, 1, 40 * 48)


def test_sizes_follow_the_typical_object(monkeypatch):
    asked = {}

    def grid(name, **typical):
        asked.update(typical)
        return {"level": (0.5,)}

    monkeypatch.setattr("septum.stages.tune.baseline_parameters.parameter_grid", grid)
    true = np.zeros((6, 30, 30), int)
    true[1:3, 2:6, 2:6] = 1  # 32 pixels, each 2 of the finest axis high
    true[1:3, 10:14, 2:6] = 2
    true[4, 20, 20] = 7
    best_parameters("watershed", [Sample(np.zeros((2, *true.shape)), true, (0.4, 0.2, 0.2))])
    assert asked == {"channels": 2, "pixels": 32, "edge": pytest.approx(64 ** (1 / 3))}


def test_cases_are_read_and_bounded(monkeypatch, tmp_path):
    paths = []
    for number in range(4):
        sample = squares()
        paths.append(tmp_path / f"{number}.zarr")
        case = Case(
            name=str(number),
            image=sample.image.astype(np.uint8),
            semantic=(sample.true > 0).astype(np.uint16),
            instance=sample.true.astype(np.uint32),
            geometry=Geometry((1.0, 1.0)),
            statistics=IntensityStatistics({}, [], []),
        )
        write_case(paths[-1], case)
    fixed = {key: QUIET[key] for key in ("polarity", "level", "sigma", "window", "h")}
    found = tune("watershed", paths, fixed=fixed)
    assert (found["score"], found["cases"], found["pixels"]) == (1.0, 4, 4 * 40 * 48)
    monkeypatch.setattr(Watershed, "tuning_pixels", 2 * 40 * 48)
    assert tune("watershed", paths, fixed=fixed)["cases"] == 2


def test_wrong_parameters():
    with pytest.raises(SeptumError, match="sigma"):
        tuned([squares()], sigma=-1)
    with pytest.raises(SeptumError, match="no classical method 'snake'"):
        best_parameters("snake", [])
