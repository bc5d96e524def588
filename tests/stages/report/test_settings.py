"""Each setting is shown as it was used: the model's value, and where it comes from."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from made_results import DECODER, make_plan, squares
from report_page import Page, render
from safetensors import safe_open

from septum.config.registry import NETWORKS
from septum.config.schema import (
    Normalisation,
    NoScaling,
    PercentileScaling,
    Run,
    StandardScaling,
    Weights,
    WindowScaling,
)
from septum.networks.create import fitted_options
from septum.stages.leaderboard.scores import Scores
from septum.stages.plan.rules import derive_normalisation
from septum.stages.report.inputs import Dataset, Experiment, ShownModel, Used
from septum.stages.report.settings import OPTION_TEXTS, setting_rows, used_settings

PERCENTILES = PercentileScaling(lower=1.0, upper=99.8)
CT = WindowScaling(low=-150.0, high=250.0, mean=40.0, std=12.5)


def network(name="net", *, patch=(32, 32), options=None, normalisation=None, tile=(64, 64), **run):
    """Return an experiment, its settings those that are given."""
    model = ShownModel(
        network="unet",
        head="semantic",
        options=options or {},
        decoder={"method": "components", "threshold": 0.5, "min_size": 8},
        normalisation=normalisation or PERCENTILES,
        patch=patch,
        weights=12,
    )
    of = {"dataset": "cells", "experiment": name, "network": "unet", "head": "semantic"}
    return Experiment(
        key=name,
        name=name,
        scores=Scores(name, [], []),
        histories={},
        models={0: model},
        predicted={},
        run=Run.model_validate({**of, "options": {}, **run}),
        used={"0": Used(model.decoder, tile)},
    )


def dataset(*experiments, weights=None, normalisation=None, derived=None, **plan):
    made = make_plan("cells", 2, "instance", None, plan)
    weights = Weights.model_validate(weights or {})
    return Dataset(
        name="cells",
        plan=replace(made, derived={**made.derived, **(derived or {})}).with_weights(weights),
        normalisation=Normalisation.model_validate(normalisation or {}),
        weights=weights,
        leaderboard=[],
        experiments=list(experiments),
        cases={},
    )


def used(experiment, **changes):
    """Return value and source of each setting by its key."""
    settings = used_settings(dataset(experiment, **changes), experiment)
    return {setting.key: (setting.value, setting.source) for setting in settings}


def test_what_is_left_at_auto_is_derived_and_says_why():
    assert used(network()) == {
        "normalisation": ("percentiles 1 to 99.8", "derived: microscopy images"),
        "train.patch": ("32 × 32 px", "derived: to span <several> objects"),
        "weights.sigma": (
            "2.5 px",
            "derived: 2.5 px: 1/20 of the median diameter, within 2 to 10 px",
        ),
        "weights.class_balance": (
            "background 1, nucleus <u> 1",
            "derived: inverse to the share of pixels",
        ),
        "predict.tile": (
            "64 × 64 px",
            "derived: the training patch, doubled as long as memory allows",
        ),
        "decode.min_size": ("8 px", "derived: half of what 99 % of the objects exceed (17 px)"),
    }


def test_what_the_configuration_sets_is_shown_as_it_was_used():
    experiment = network(
        patch=(48, 48),
        tile=(96, 160),
        train={"patch": [48, 48]},
        predict={"tile": [96, 160]},
        decode={"min_size": 20},
    )
    found = used(experiment, weights={"sigma": 3.5, "class_balance": False})
    assert found == {
        "normalisation": ("percentiles 1 to 99.8", "derived: microscopy images"),
        "train.patch": ("48 × 48 px", "set by you"),
        "weights.sigma": ("3.5 px", "set by you"),
        "weights.class_balance": ("background 1, nucleus <u> 1", "set by you"),
        "predict.tile": ("96 × 160 px", "set by you"),
    }


@pytest.mark.parametrize(
    ("train", "source"),
    [
        ({"patch": [30, 40]}, "set by you; enlarged from 30 × 40 px to what the network needs"),
        (
            {},
            "derived: to span <several> objects; enlarged from 32 × 32 px to what the network "
            "needs",
        ),
    ],
)
def test_a_patch_that_the_network_does_not_accept_says_what_it_was_made_of(train, source):
    assert used(network(patch=(188, 188), train=train))["train.patch"] == ("188 × 188 px", source)


def test_a_window_of_the_size_of_the_patch_was_not_doubled():
    found = used(network(patch=(512, 512), tile=(512, 512)))
    assert found["predict.tile"] == ("512 × 512 px", "derived: the training patch")


def test_networks_without_weight_maps_have_no_sigma():
    found = used(network(train={"border_weights": False}))
    assert not {"weights.sigma", "weights.class_balance"} & found.keys()


def test_weight_maps_of_the_released_code_have_a_balance_of_their_own():
    assert "weights.class_balance" not in used(network(), weights={"mode": "lmb"})


@pytest.mark.parametrize(
    ("settings", "model", "expected"),
    [
        (
            {"scheme": "percentile"},
            PERCENTILES,
            ("percentiles 1 to 99.8", "set by you"),
        ),
        (
            {"lower": 2.0},
            PercentileScaling(lower=2.0, upper=99.8),
            ("percentiles 2 to 99.8", "derived: microscopy images; percentiles set by you"),
        ),
        ({"scheme": "none"}, NoScaling(), ("none", "set by you")),
        (
            {"scheme": "zscore"},
            StandardScaling(),
            ("mean 0, standard deviation 1", "set by you"),
        ),
    ],
)
def test_a_normalisation_says_what_of_it_was_set(settings, model, expected):
    found = used(network(normalisation=model), normalisation=settings)
    assert found["normalisation"] == expected


FOUND = {
    "readers": {"nifti": 3},
    "intensity": {"percentiles": {"0": [-1000.0]}},
    "foreground": {
        "percentiles": {"0.5": [-150.0], "99.5": [250.0]},
        "mean": [40.0],
        "std": [12.5],
    },
}
WINDOW = "CT window -150 to 250, then mean 40 and standard deviation 12.5"
MEASURED = "window from the foreground's 0.5 and 99.5 percentiles"


@pytest.mark.parametrize(
    ("settings", "source"),
    [
        ({}, f"derived: NIfTI with values down to -1000 (Hounsfield units); {MEASURED}"),
        ({"scheme": "ct"}, f"set by you; derived: {MEASURED}"),
        (
            {"window": [-150, 250]},
            "derived: NIfTI with values down to -1000 (Hounsfield units); window set by you",
        ),
        ({"scheme": "ct", "window": [-150, 250]}, "set by you"),
    ],
)
def test_a_window_says_whether_it_was_measured(settings, source):
    # the reason as the plan gives it
    made, why = derive_normalisation(Normalisation.model_validate(settings), FOUND)
    assert made == CT
    experiment = network(normalisation=made)
    found = used(experiment, normalisation=settings, derived=why)
    assert found["normalisation"] == (WINDOW, source)
    # plans of earlier versions said both in one sentence
    found = used(
        experiment, normalisation=settings, derived={"normalisation": "; ".join(why.values())}
    )
    assert found["normalisation"] == (WINDOW, source)


DIAMETERS = {"5": 12.4, "50": 18.4, "95": 26.9}


def test_options_that_follow_the_objects_say_why():
    options = {"anchor_sizes": [12.4, 24.8], "first_level": 1, "width": 0.5, "proportions": None}
    experiment = network(options=options)
    found = used(experiment, diameters=DIAMETERS)
    assert found["options.anchor_sizes"] == (
        "12.4, 24.8 px",
        "derived: an octave apart, from the diameters of small objects (12.4 px) to those of "
        "large ones (26.9 px)",
    )
    assert found["options.first_level"] == (
        "1",
        "derived: features about a quarter of a small object (12.4 px) apart",
    )
    assert not {"options.width", "options.proportions"} & found.keys()


def test_options_that_the_configuration_gives_are_set_by_you():
    experiment = network(options={"anchor_sizes": [20.0], "first_level": 2})
    given = experiment.run.model_copy(update={"options": {"anchor_sizes": [20.0]}})
    found = used(replace(experiment, run=given), diameters=DIAMETERS)
    assert found["options.anchor_sizes"] == ("20 px", "set by you")
    assert found["options.first_level"][1].startswith("derived: ")


def test_without_objects_options_are_those_of_the_paper():
    found = used(network(options={"first_level": 2}))
    assert found["options.first_level"] == (
        "2",
        "derived: as published, since no single objects are annotated",
    )


def test_every_option_that_a_network_derives_is_known():
    derived = set()
    for name in NETWORKS:
        derived |= fitted_options(name, {}, DIAMETERS, (3.0, 1.0, 1.0)).keys()
    assert derived == OPTION_TEXTS.keys()


def owners(*experiments):
    (patch,) = (row for row in setting_rows(dataset(*experiments)) if row.key == "train.patch")
    return [(value.value, value.owners) for value in patch.values]


def test_networks_are_named_where_they_differ():
    same, other = network("a"), network("b", patch=(48, 48), train={"patch": [48, 48]})
    assert owners(same) == [("32 × 32 px", "")]
    assert owners(same, network("b")) == [("32 × 32 px", "")]
    assert owners(same, other) == [("32 × 32 px", "a"), ("48 × 48 px", "b")]
    many = [network(name) for name in "cde"]
    assert owners(*many, other) == [("32 × 32 px", "all networks but b"), ("48 × 48 px", "b")]


def test_equal_values_of_different_origin_are_two_rows():
    set_by_hand = network("b", train={"patch": [32, 32]})
    assert owners(network("a"), set_by_hand) == [("32 × 32 px", "a"), ("32 × 32 px", "b")]


def header(results, network):
    """Return the header of the model file, as safetensors reads it."""
    path = results.folder / "cells" / network / "fold0/model.safetensors"
    with safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["septum"])


def times(sizes):
    return " × ".join(map(str, sizes))


def decoder_text(decoder, without=""):
    decoder = {"method": decoder["method"], **decoder["parameters"]}
    texts = {
        "method": decoder["method"],
        "threshold": f"threshold {decoder['threshold']}",
        "min_size": f"smallest object {decoder['min_size']} px",
    }
    return ", ".join(text for name, text in texts.items() if name != without)


@pytest.fixture
def results(results):
    """Two networks: one as everything was derived, one as the configuration overrules it."""
    labels = squares()
    image = labels.astype(np.uint8)[None]
    predicted = {"x": ((labels > 0).astype(np.uint16), labels, "test")}
    results.add(
        "cells",
        {"x": (image, (labels > 0).astype(np.uint16), labels)},
        {"auto": predicted, "given": predicted},
        test=["x"],
    )
    results.change_model("cells", "given", patch=[48, 64], decoder={**DECODER, "min_size": 100})
    run = results.settings["datasets"][0]["experiments"]["given"]["run"]
    run |= {"train": {"patch": [48, 64]}, "decode": {"min_size": 100}}
    return results


def test_every_shown_setting_is_that_of_the_header_and_the_plan(results):
    page = Page(render(results))
    plan = json.loads((results.folder / "cells/plan.json").read_text())
    first, second = header(results, "auto"), header(results, "given")
    assert (first["patch"], second["patch"]) == (plan["patch"], [48, 64])
    scheme, why = first["intensities"], plan["derived"]
    weight = plan["weights"]["class_weights"]
    assert page.rows("settings") == [
        [
            "Intensitiesnormalisation",
            f"percentiles {scheme['lower']:g} to {scheme['upper']:g}",
            f"derived: {why['normalisation']}",
        ],
        [
            "Training patchtrain.patch",
            f"{times(first['patch'])} pxauto <net>",
            f"derived: {why['patch']}",
        ],
        [f"{times(second['patch'])} pxgiven <net>", "set by you"],
        [
            "σ of the border weightsweights.sigma",
            f"{plan['weights']['sigma']} px",
            f"derived: {why['sigma']}",
        ],
        [
            "Class weightsweights.class_balance",
            f"background {weight['0']:g}, nucleus <u> {weight['1']:g}",
            f"derived: {why['class_weights']}",
        ],
        [
            "Window of predictionpredict.tile",
            "64 × 128 px",
            "derived: the training patch, doubled as long as memory allows",
        ],
        [
            "Smallest object, before tuningdecode.min_size",
            f"{plan['min_size']} pxauto <net>",
            f"derived: {why['min_size']}",
        ],
        ["auto <net>", "–", decoder_text(first["decoder"]), "–"],
        [
            "given <net>",
            "–",
            decoder_text(second["decoder"], without="min_size"),
            f"smallest object {second['decoder']['parameters']['min_size']} px",
        ],
    ]
    assert (plan["min_size"], second["decoder"]["parameters"]["min_size"]) == (8, 100)
