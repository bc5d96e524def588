"""Checks of each experiment: its network or baseline, initial weights, patches and folds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import nn

from septum.classical.create import create_method, misfits_of_plan
from septum.config.config import Config
from septum.config.runs import runs
from septum.config.schema import Baseline, Run
from septum.data.plan import Plan
from septum.errors import Problem, Problems, SeptumError
from septum.heads.base import head_class
from septum.networks.create import check_options, create_network
from septum.stages.train.initial_weights import load_backbone, require_backbone, take_weights
from septum.workflow.discovery import resolve


def check_experiments(config: Config, plans: Mapping[str, Plan | None]) -> Iterator[Problem]:
    """Yield the problems of networks, baselines, patches, tiles and folds.

    Parameters
    ----------
    config : Config
    plans : mapping of str to Plan or None
        Plan of each dataset; None if the dataset could not be planned.
    """
    for dataset, experiment in runs(config):
        plan, key = plans[dataset], f"experiments.{experiment}"
        spec = config.experiments[experiment]
        if spec.network is not None:
            yield from _check_network(config, config.run(dataset, experiment), plan)
        elif spec.method is not None:
            yield from _check_baseline(config.baseline(dataset, experiment), key, plan)
        folds = config.folds(dataset, experiment)
        numbers = [] if folds == "all" else folds
        if plan is not None and max(numbers, default=0) >= len(plan.folds):
            what = f"asks for fold {max(numbers)}, but the split of {dataset} has {len(plan.folds)}"
            remedy = f"name folds below {len(plan.folds)}"
            yield Problem(config.folds_key(dataset, experiment), what, remedy)


def _check_baseline(baseline: Baseline, key: str, plan: Plan | None) -> Iterator[Problem]:
    """Yield the problems of a baseline's options, and of its use on a dataset."""
    problems = Problems()
    with problems.caught():
        create_method(baseline.method, baseline.options, where=f"{key}.options")
    yield from problems
    if plan is not None:
        yield from misfits_of_plan(baseline, plan)


def _check_network(config: Config, run: Run, plan: Plan | None) -> Iterator[Problem]:
    """Yield the problems of an experiment's network, initial weights, patches and tiles."""
    key = f"experiments.{run.experiment}"
    axes = 2 if plan is None else plan.spatial_dims
    channels = 1 if plan is None else plan.in_channels
    classes = 1 if plan is None else len(plan.classes)
    outputs = head_class(run.head).outputs(classes, axes)
    try:
        # Also imports the network, which must not happen under "meta": tensors that an import
        # creates would have no values.
        check_options(run.network, run.options)
        with torch.device("meta"):
            network = create_network(run.network, axes, channels, outputs, **run.options)
    except SeptumError as error:
        for p in error.problems:
            yield Problem(f"{key}.{p.where}", p.what, p.remedy)
    else:
        problems = Problems()
        with problems.caught():
            _check_start(config, run, network, (axes, channels, classes))
        yield from problems
    if plan is None:
        return
    for name, size in (("train.patch", run.train.patch), ("predict.tile", run.predict.tile)):
        if size != "auto" and len(size) != axes:
            what = f"has {len(size)} sizes, but {run.dataset} has {axes} axes"
            yield Problem(f"{key}.{name}", what, f"give {axes} sizes, or auto")


def _check_start(
    config: Config, run: Run, network: nn.Module, counts: tuple[int, int, int]
) -> None:
    """Raise if the initial weights that an experiment names do not fit a network on ``meta``."""
    if run.pretrained is not None:
        require_backbone(network, run)
        file = resolve(config, run.pretrained.source)
        # A check downloads nothing. Missing files are reported once, not for each dataset.
        if not run.pretrained.is_address and file.is_file():
            load_backbone(network, run, file)
    if run.start_from is not None:
        source_run = config.run(run.dataset, run.start_from)
        axes, channels, classes = counts
        outputs = head_class(source_run.head).outputs(classes, axes)
        try:
            with torch.device("meta"):
                source_network = create_network(
                    source_run.network, axes, channels, outputs, **source_run.options
                )
        except SeptumError:
            return  # reported for the other experiment
        take_weights(network, run, source_network.state_dict())
