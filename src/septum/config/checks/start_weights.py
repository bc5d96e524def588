"""Checks whether an experiment can start from the weights that it names."""

from __future__ import annotations

from collections.abc import Iterator

from septum.config.config import Config
from septum.config.runs import runs
from septum.config.schema import Split, Train
from septum.config.weight_sources import checksum_problem
from septum.errors import Problem, SeptumError, nearest


def start_problems(config: Config) -> Iterator[Problem]:
    """Yield the problems of ``pretrained`` and ``start_from`` of the experiments."""
    for name, spec in config.experiments.items():
        key, source = f"experiments.{name}.start_from", spec.start_from
        if spec.pretrained is not None:
            where = f"experiments.{name}.pretrained"
            problem = checksum_problem(where, spec.pretrained.source, spec.pretrained.sha256)
            yield from [] if problem is None else [problem]
        if source is None or spec.network is None:
            continue  # random weights; or no network, which `kind_checks` reports
        if spec.pretrained is not None:
            what = "and pretrained exclude each other"
            yield Problem(key, what, f"keep one; {source} may itself start from pretrained weights")
        if source not in config.experiments:
            what = f"there is no experiment {source!r}"
            yield Problem(key, what, nearest(source, config.experiments))
            continue
        if config.experiments[source].network is None:
            kind = "classical baseline" if config.experiments[source].method else "merge"
            what = f"{source!r} is a {kind}, which has no weights"
            yield Problem(key, what, "name an experiment with a network")
            continue
        cycle = _cycle(config, name)
        if not cycle:
            yield from _run_problems(config, name, source)
        elif name == min(cycle):  # reported once, not for each experiment of the cycle
            what = f"goes round in a circle: {' from '.join([*cycle, cycle[0]])}"
            yield Problem(key, what, "let one of them start from random or pretrained weights")


def _cycle(config: Config, name: str) -> list[str]:
    """Return the experiments of a cycle that starts at ``name`` or at one of its sources."""
    path = [name]
    while (source := config.experiments[path[-1]].start_from) in config.experiments:
        if source in path:
            return path[path.index(source) :]
        path.append(source)
    return []


def _run_problems(config: Config, name: str, source: str) -> Iterator[Problem]:
    """Yield the datasets and folds of an experiment on which its source is not trained."""
    key = f"experiments.{name}.start_from"
    computed = dict.fromkeys(runs(config))
    for dataset in (d for d, experiment in computed if experiment == name):
        if (dataset, source) not in computed:
            what = f"{source!r} does not run on {dataset}"
            yield Problem(key, what, f"name the same datasets in experiments.{source}.datasets")
            continue
        try:
            train, source_train = (config.run(dataset, run).train for run in (name, source))
        except SeptumError:
            continue  # reported by another check
        missing = _missing(config.datasets[dataset].split, train, source_train)
        if missing:
            what = f"{source!r} is not trained on {missing} of {dataset}"
            yield Problem(
                key, what, f"give experiments.{source}.train.folds all folds that this has"
            )


def _missing(split: Split, train: Train, source_train: Train) -> str:
    """Return in words the folds that the source is not trained on; empty if there are none."""
    if source_train.folds == "all":
        return ""
    if train.folds == "all" and split.file is not None:
        return "all folds"  # their number is known once the split file is read
    folds = range(split.folds) if train.folds == "all" else train.folds
    missing = sorted(set(folds) - set(source_train.folds))
    return f"fold {', '.join(map(str, missing))}" if missing else ""
