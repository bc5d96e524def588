"""Whether each experiment can be computed: its network or baseline, start, patches and folds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import nn

from septum.classical import create as classical
from septum.config.config import Config
from septum.config.runs import runs
from septum.config.schema import Baseline, Run
from septum.data.plan import Plan
from septum.errors import Problem, Problems, SeptumError
from septum.heads.base import head_class
from septum.networks import create as models
from septum.stages.train.initial_weights import load_backbone, require_backbone, take_weights
from septum.workflow.discovery import resolve


def check_experiments(config: Config, plans: Mapping[str, Plan | None]) -> Iterator[Problem]:
    """Yield what is wrong with the networks or baselines, patches, tiles and folds.

    Parameters
    ----------
    config : Config
    plans : mapping of str to Plan or None
        By dataset; None where a dataset has problems of its own.
    """
    for dataset, experiment in runs(config):
        plan, key = plans[dataset], f"experiments.{experiment}"
        spec = config.experiments[experiment]
        if spec.network is not None:
            yield from _check_network(config, config.run(dataset, experiment), plan)
        elif spec.method is not None:
            yield from _check_baseline(config.baseline(dataset, experiment), key, plan)
        folds = config.folds(dataset, experiment)
        wanted = [] if folds == "all" else folds
        if plan is not None and max(wanted, default=0) >= len(plan.folds):
            what = f"asks for fold {max(wanted)}, but the split of {dataset} has {len(plan.folds)}"
            remedy = f"name folds below {len(plan.folds)}"
            yield Problem(config.folds_key(dataset, experiment), what, remedy)


def _check_baseline(baseline: Baseline, key: str, plan: Plan | None) -> Iterator[Problem]:
    """Yield what is wrong with a baseline's options, and with the data for it."""
    problems = Problems()
    with problems.caught():
        classical.create(baseline.method, baseline.options, where=f"{key}.options")
    yield from problems
    if plan is not None:
        yield from classical.misfits_of_plan(baseline, plan)


def _check_network(config: Config, run: Run, plan: Plan | None) -> Iterator[Problem]:
    """Yield what is wrong with an experiment's network, its start, patches and tiles."""
    key = f"experiments.{run.experiment}"
    axes = 2 if plan is None else plan.spatial_dims
    channels = 1 if plan is None else plan.in_channels
    classes = 1 if plan is None else len(plan.classes)
    outputs = head_class(run.head).outputs(classes, axes)
    try:
        # also imports the network: under "meta" an import may make tensors without values
        models.check_options(run.network, run.options)
        with torch.device("meta"):
            network = models.create_network(run.network, axes, channels, outputs, **run.options)
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
    """Raise if a network (on ``meta``) cannot start from the weights that it is to start from."""
    if run.pretrained is not None:
        require_backbone(network, run)
        file = resolve(config, run.pretrained.source)
        # nothing is downloaded by a check, and a missing file is said once, not once a dataset
        if not run.pretrained.is_address and file.is_file():
            load_backbone(network, run, file)
    if run.start_from is not None:
        other = config.run(run.dataset, run.start_from)
        axes, channels, classes = counts
        outputs = head_class(other.head).outputs(classes, axes)
        try:
            with torch.device("meta"):
                source = models.create_network(
                    other.network, axes, channels, outputs, **other.options
                )
        except SeptumError:
            return  # shown at that experiment
        take_weights(network, run, source.state_dict())
