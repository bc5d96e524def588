"""Checks whether a merge names two experiments that can be merged on any dataset."""

from __future__ import annotations

from collections.abc import Iterator

from septum.config.config import Config
from septum.errors import Problem, nearest


def merge_problems(config: Config, name: str) -> Iterator[Problem]:
    """Yield the problems of a merge that do not depend on the dataset; none of other kinds."""
    spec = config.experiments[name]
    if spec.merge is None:
        return
    if spec.merge.instances == spec.merge.semantic:
        what = f"merges {spec.merge.instances!r} with itself"
        yield Problem(f"experiments.{name}.merge", what, "name two experiments")
        return
    for role in ("instances", "semantic"):
        key, experiment = f"experiments.{name}.merge.{role}", getattr(spec.merge, role)
        if experiment not in config.experiments:
            what = f"there is no experiment {experiment!r}"
            yield Problem(key, what, nearest(experiment, config.experiments))
        elif config.experiments[experiment].merge is not None:
            what = f"{experiment!r} is a merge itself"
            yield Problem(key, what, "name an experiment with a network or a method")
        elif role == "semantic" and config.experiments[experiment].head == "detection":
            what = f"{experiment!r} finds objects, and gives no pixel a class of stuff"
            yield Problem(key, what, "name one with classes of pixels; are the two swapped?")
