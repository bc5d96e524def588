"""Whether a merge names two experiments that can be merged, whatever the dataset."""

from __future__ import annotations

from collections.abc import Iterator

from septum.config.config import Config
from septum.errors import Problem, nearest


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
