"""The pairs of dataset and experiment to compute, and the reasons for leaving out others."""

from __future__ import annotations

from collections.abc import Iterator

from septum.config import baseline_fits
from septum.config.checks.merges import merge_problems
from septum.config.config import Config
from septum.config.registry import BASELINES, HEADS
from septum.errors import Problem, SeptumError


def runs(config: Config) -> Iterator[tuple[str, str]]:
    """Yield every pair (dataset, experiment) to compute.

    An experiment that names no datasets runs on all datasets that it can be applied to; see
    `left_out` for the others.
    """
    for dataset, name in _requested_runs(config):
        if runs_on(config, dataset, name):
            yield dataset, name


def runs_on(config: Config, dataset: str, name: str) -> bool:
    """Return whether to compute an experiment on a dataset (see `runs`)."""
    named = config.experiments[name].datasets
    if not config.datasets[dataset].has_labels or (named != "all" and dataset not in named):
        return False
    return named != "all" or not any(misfits(config, dataset, name))


def left_out(config: Config) -> Iterator[Problem]:
    """Yield the reasons why experiments that name no datasets do not run on some of them."""
    for dataset, name in _requested_runs(config):
        if config.experiments[name].datasets == "all":
            yield from misfits(config, dataset, name)


def misfits(config: Config, dataset: str, experiment: str) -> Iterator[Problem]:
    """Yield the reasons, known from the configuration, why an experiment cannot use a dataset."""
    spec, data = config.experiments[experiment], config.datasets[dataset]
    key = f"experiments.{experiment}"
    undeclared = data.annotation in ("semantic", "panoptic") and data.classes is None
    if spec.method in BASELINES and undeclared and spec.datasets == "all":
        what = f"a classical method knows no classes, and those of {dataset} are not declared"
        remedy = f"declare the only one, datasets.{dataset}.classes: {{1: name}}"
        yield Problem(f"{key}.datasets", what, f"{remedy}, or name datasets without {dataset}")
    elif spec.method in BASELINES:
        yield from baseline_fits.misfits(
            spec.method,
            f"{key}.datasets",
            dataset,
            data.classes,
            annotation=data.annotation,
            spatial_dims=data.spatial_dims,
        )
    if spec.merge is not None:
        yield from _merge_misfits(config, dataset, experiment)
    if HEADS[spec.head].needs_objects and data.annotation == "semantic":
        what = f"{spec.head!r} tells objects apart, and {dataset} has classes only"
        yield Problem(f"{key}.head", what, "choose semantic, or name other datasets")


def _merge_misfits(config: Config, dataset: str, name: str) -> Iterator[Problem]:
    """Yield the reasons why a merge cannot be computed on a dataset."""
    if any(merge_problems(config, name)):
        return  # these problems are reported once, for all datasets
    merge, data = config.experiments[name].merge, config.datasets[dataset]
    key = f"experiments.{name}.merge"
    if data.annotation != "panoptic":
        what = f"gives things and stuff, and the annotation of {dataset} is {data.annotation!r}"
        yield Problem(key, what, "name datasets whose annotation is panoptic")
        return
    parts = {"instances": merge.instances, "semantic": merge.semantic}
    for part, other in parts.items():
        if not runs_on(config, dataset, other):
            what = f"{other!r} does not run on {dataset}"
            yield Problem(f"{key}.{part}", what, f"add {dataset} to its datasets")
            return
    try:
        folds = {part: config.folds(dataset, other) for part, other in parts.items()}
    except SeptumError:
        return  # which is said of that experiment
    if folds["instances"] != folds["semantic"]:
        both = f"{folds['instances']} and {folds['semantic']}"
        what = f"names experiments on different folds of {dataset}: {both}"
        yield Problem(key, what, "give both experiments the same train.folds")


def _requested_runs(config: Config) -> Iterator[tuple[str, str]]:
    for dataset, spec in config.datasets.items():
        for name, experiment in config.experiments.items():
            is_named = experiment.datasets == "all" or dataset in experiment.datasets
            if spec.has_labels and is_named:
                yield dataset, name
