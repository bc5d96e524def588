"""Checks of whether the parts of a configuration, each valid by itself, fit together."""

from __future__ import annotations

from collections.abc import Iterator

from septum.config.checks.kinds import kind_checks
from septum.config.checks.label_files import pattern_checks
from septum.config.checks.merges import merge_problems
from septum.config.checks.names import RESERVED_NAMES, name_checks
from septum.config.checks.start_weights import start_problems
from septum.config.config import Config
from septum.config.head_fits import unfit_settings
from septum.config.runs import left_out, misfits, runs
from septum.errors import Problem, SeptumError, nearest


def cross_checks(config: Config) -> Iterator[Problem]:
    """Yield the problems of valid parts of a configuration that do not fit together."""
    if not config.datasets:
        yield Problem("datasets", "is empty", "describe at least one dataset (see config.yaml)")
    for kind in RESERVED_NAMES:
        yield from name_checks(kind, list(getattr(config, kind)))
    for name, dataset in config.datasets.items():
        yield from pattern_checks(f"datasets.{name}", dataset)
    for name, experiment in config.experiments.items():
        yield from kind_checks(f"experiments.{name}", experiment)
        yield from merge_problems(config, name)
        named = [] if experiment.datasets == "all" else experiment.datasets
        for dataset in named:
            key = f"experiments.{name}.datasets"
            if dataset not in config.datasets:
                what = f"there is no dataset {dataset!r}"
                yield Problem(key, what, nearest(dataset, config.datasets))
            elif not config.datasets[dataset].has_labels:
                what = f"nothing can be trained on {dataset!r}, which has no labels"
                remedy = f"give datasets.{dataset}.labels, or take it out of the list"
                yield Problem(key, what, remedy)
    for dataset in config.datasets:
        for section in ("augment", "weights", "export"):
            try:
                config.dataset_section(dataset, section)
            except SeptumError as error:
                yield from error.problems
    yield from start_problems(config)
    if not any(runs(config)):
        yield from left_out(config)  # nothing would be computed, and these are the reasons
    shown: set[Problem] = set()
    for dataset, experiment in runs(config):
        # show a mistake in an experiment once, not once for each dataset
        run_problems = [p for p in _run_checks(config, dataset, experiment) if p not in shown]
        yield from run_problems
        shown.update(run_problems)


def _run_checks(config: Config, dataset: str, experiment: str) -> Iterator[Problem]:
    """Yield the problems of an experiment on one dataset."""
    spec, data = config.experiments[experiment], config.datasets[dataset]
    if any(kind_checks(f"experiments.{experiment}", spec)) or any(
        merge_problems(config, experiment)
    ):
        return  # these problems are reported once, for all datasets
    try:
        folds = config.folds(dataset, experiment)
        if spec.network is not None:
            run = config.run(dataset, experiment)
            for key, _, what, remedy in unfit_settings(run.head, dict(run)):
                yield Problem(f"experiments.{experiment}.{key}", what, remedy)
    except SeptumError as error:
        yield from error.problems
        return
    yield from misfits(config, dataset, experiment)
    last = 0 if folds == "all" else max(folds, default=0)
    # the number of folds in a split file is checked by `septum check`
    if data.split.file is None and last >= data.split.folds:
        yield Problem(
            config.folds_key(dataset, experiment),
            f"asks for fold {last}, but {dataset} has folds 0 to {data.split.folds - 1}",
            f"name folds below {data.split.folds}, or raise datasets.{dataset}.split.folds",
        )
