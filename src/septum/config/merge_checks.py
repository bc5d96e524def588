"""What is wrong with experiments that merge two others, checked before anything runs.

Imported with the configuration, hence no heavy import here; `septum.stages.merge.stage` merges.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from septum.errors import Problem, SeptumError, nearest

if TYPE_CHECKING:
    from septum.config.config import Config


def merge_problems(config: Config, name: str) -> Iterator[Problem]:
    """Yield what is wrong with a merge, whatever the dataset; nothing of other experiments."""
    spec = config.experiments[name]
    if spec.merge is None:
        return
    if spec.merge.instances == spec.merge.semantic:
        what = f"merges {spec.merge.instances!r} with itself"
        yield Problem(f"experiments.{name}.merge", what, "name two experiments")
        return
    for part in ("instances", "semantic"):
        key, other = f"experiments.{name}.merge.{part}", getattr(spec.merge, part)
        if other not in config.experiments:
            what = f"there is no experiment {other!r}"
            yield Problem(key, what, nearest(other, config.experiments))
        elif config.experiments[other].merge is not None:
            what = f"{other!r} is a merge itself"
            yield Problem(key, what, "name an experiment with a network or a method")
        elif part == "semantic" and config.experiments[other].head == "detection":
            what = f"{other!r} finds objects, and gives no pixel a class of stuff"
            yield Problem(key, what, "name one with classes of pixels; are the two swapped?")


def merge_misfits(config: Config, dataset: str, name: str) -> Iterator[Problem]:
    """Yield why a merge cannot be made on a dataset."""
    if any(merge_problems(config, name)):
        return  # which is said once, for all datasets
    merge, data = config.experiments[name].merge, config.datasets[dataset]
    key = f"experiments.{name}.merge"
    if data.annotation != "panoptic":
        what = f"gives things and stuff, and the annotation of {dataset} is {data.annotation!r}"
        yield Problem(key, what, "name datasets whose annotation is panoptic")
        return
    parts = {"instances": merge.instances, "semantic": merge.semantic}
    for part, other in parts.items():
        if not config.runs_on(dataset, other):
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
