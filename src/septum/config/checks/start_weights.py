"""Whether an experiment can start from the weights that it names."""

from __future__ import annotations

from collections.abc import Iterator

from septum.config.config import Config
from septum.config.runs import runs
from septum.config.schema import Split, Train
from septum.config.weight_sources import checksum_problem
from septum.errors import Problem, SeptumError, nearest


def start_problems(config: Config) -> Iterator[Problem]:
    """Yield what is wrong with ``pretrained`` and ``start_from`` of the experiments."""
    for name, spec in config.experiments.items():
        key, other = f"experiments.{name}.start_from", spec.start_from
        if spec.pretrained is not None:
            where = f"experiments.{name}.pretrained"
            problem = checksum_problem(where, spec.pretrained.source, spec.pretrained.sha256)
            yield from [] if problem is None else [problem]
        if other is None or spec.network is None:
            continue  # what starts from nothing, and what has no weights (which is said elsewhere)
        if spec.pretrained is not None:
            what = "and pretrained exclude each other"
            yield Problem(key, what, f"keep one; {other} may itself start from pretrained weights")
        if other not in config.experiments:
            what = f"there is no experiment {other!r}"
            yield Problem(key, what, nearest(other, config.experiments))
            continue
        if config.experiments[other].network is None:
            kind = "classical baseline" if config.experiments[other].method else "merge"
            what = f"{other!r} is a {kind}, which has no weights"
            yield Problem(key, what, "name an experiment with a network")
            continue
        cycle = _cycle(config, name)
        if not cycle:
            yield from _run_problems(config, name, other)
        elif name == min(cycle):  # shown once, and not at each of its experiments
            what = f"goes round in a circle: {' from '.join([*cycle, cycle[0]])}"
            yield Problem(key, what, "let one of them start from random or pretrained weights")


def _cycle(config: Config, name: str) -> list[str]:
    """Return the experiments that start from each other, from ``name`` on or further back."""
    path = [name]
    while (other := config.experiments[path[-1]].start_from) in config.experiments:
        if other in path:
            return path[path.index(other) :]
        path.append(other)
    return []


def _run_problems(config: Config, name: str, other: str) -> Iterator[Problem]:
    """Yield the datasets and folds of an experiment that the other is not trained on."""
    key = f"experiments.{name}.start_from"
    computed = dict.fromkeys(runs(config))
    for dataset in (d for d, experiment in computed if experiment == name):
        if (dataset, other) not in computed:
            what = f"{other!r} does not run on {dataset}"
            yield Problem(key, what, f"name the same datasets in experiments.{other}.datasets")
            continue
        try:
            ours, theirs = (config.run(dataset, run).train for run in (name, other))
        except SeptumError:
            continue  # of another check
        missing = _missing(config.datasets[dataset].split, ours, theirs)
        if missing:
            what = f"{other!r} is not trained on {missing} of {dataset}"
            yield Problem(
                key, what, f"give experiments.{other}.train.folds all folds that this has"
            )


def _missing(split: Split, ours: Train, theirs: Train) -> str:
    """Say which of our folds are not among theirs; nothing where all are."""
    if theirs.folds == "all":
        return ""
    if ours.folds == "all" and split.file is not None:
        return "all folds"  # a given split says itself how many there are
    wanted = range(split.folds) if ours.folds == "all" else ours.folds
    missing = sorted(set(wanted) - set(theirs.folds))
    return f"fold {', '.join(map(str, missing))}" if missing else ""
