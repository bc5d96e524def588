"""Parts of a configuration that are right by themselves, and do not fit together."""

from __future__ import annotations

import pytest

from septum.config.checks.configuration import cross_checks
from septum.config.config import Config

NUCLEI = {"images": "i/{case}.tif", "labels": "l/{case}.tif"}
UNET = {"network": "unet"}


def problems(**parts):
    return [(p.where, p.what) for p in cross_checks(Config.model_validate(parts))]


def test_a_configuration_that_fits_has_no_problem():
    assert problems(datasets={"nuclei": NUCLEI}, experiments={"unet": UNET}) == []


@pytest.mark.parametrize(
    ("parts", "where", "what"),
    [
        ({"datasets": {}}, "datasets", "is empty"),
        (
            {"experiments": {"unet": {**UNET, "datasets": ["nucli"]}}},
            "experiments.unet.datasets",
            "there is no dataset 'nucli'",
        ),
        (
            {
                "datasets": {"bare": {"images": "i/{case}.tif"}},
                "experiments": {"unet": {**UNET, "datasets": ["bare"]}},
            },
            "experiments.unet.datasets",
            "nothing can be trained on 'bare', which has no labels",
        ),
        (
            {"datasets": {"nuclei": {**NUCLEI, "augment": {"copys": 2}}}},
            "datasets.nuclei.augment.copys",
            "is not a known key",
        ),
        (
            {"experiments": {"unet": {**UNET, "train": {"folds": [7]}}}},
            "experiments.unet.train.folds",
            "asks for fold 7, but nuclei has folds 0 to 4",
        ),
    ],
)
def test_what_does_not_fit_is_named_by_its_key(parts, where, what):
    parts = {"datasets": {"nuclei": NUCLEI}, "experiments": {"unet": UNET}, **parts}
    assert (where, what) in problems(**parts)


def test_a_mistake_of_an_experiment_shows_once_whatever_the_datasets():
    experiments = {"unet": {**UNET, "head": "flows", "predict": {"crf": {"intensity_sigma": 1}}}}
    datasets = {"nuclei": NUCLEI, "cells": NUCLEI}
    keys = [where for where, _ in problems(datasets=datasets, experiments=experiments)]
    assert keys == ["experiments.unet.predict.crf"]
