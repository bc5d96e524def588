"""Checks whether an experiment is of one kind and has the keys of this kind only."""

from __future__ import annotations

from collections.abc import Iterator

from septum.config.experiment import Experiment
from septum.config.registry import BASELINES, HEADS, NETWORKS
from septum.errors import Problem, nearest

# the keys that an experiment with a `method`, or with a `merge`, may have
BASELINE_KEYS = {"method", "options", "datasets"}
MERGE_KEYS = {"merge", "datasets"}


def kind_checks(key: str, spec: Experiment) -> Iterator[Problem]:
    """Yield the problems of an experiment's kind: network, classical baseline or merge."""
    network, method = spec.network, spec.method
    kinds = {"network": network, "method": method, "merge": spec.merge}
    named = [f"a {kind} ({value})" for kind, value in kinds.items() if value is not None]
    if len(named) > 1:
        what = f"names both {' and '.join(named)}"
        yield Problem(key, what, "keep one of the two, and set the other to null")
        return
    if spec.merge is not None:
        for name in sorted(spec.model_fields_set - MERGE_KEYS):
            remedy = "take it out; a merge is made of what two experiments predicted"
            yield Problem(f"{key}.{name}", "is for networks", remedy)
        return
    own_head = NETWORKS[network].head if network in NETWORKS else None
    if own_head not in (None, spec.head):
        what = f"{network!r} finds objects, and has no maps for the head {spec.head!r}"
        yield Problem(f"{key}.head", what, "leave it out")
    elif network in NETWORKS and own_head is None and HEADS[spec.head].of_detectors:
        what = f"{network!r} returns maps, and finds no objects by itself"
        detectors = ", ".join(name for name, record in NETWORKS.items() if record.head)
        remedy = f"choose another head, or one of the networks {detectors}"
        yield Problem(f"{key}.head", what, remedy)
    if network is None and method is None:
        remedy = "add `network:` (docs/networks.md), or `method:` of a classical baseline"
        yield Problem(key, "names neither a network nor a method", f"{remedy} (docs/baselines.md)")
    elif method is None:
        if network in BASELINES:
            what = f"{network!r} is a classical baseline, not a network"
            yield Problem(f"{key}.network", what, f"write `method: {network}`")
        elif network not in NETWORKS:
            what = f"there is no network {network!r}"
            yield Problem(f"{key}.network", what, nearest(network, NETWORKS))
    else:
        if method in NETWORKS:
            what = f"{method!r} is a network, not a classical baseline"
            yield Problem(f"{key}.method", what, f"write `network: {method}`")
        elif method not in BASELINES:
            what = f"there is no classical baseline {method!r}"
            yield Problem(f"{key}.method", what, nearest(method, BASELINES))
        for name in sorted(spec.model_fields_set - BASELINE_KEYS):
            remedy = "take it out; parameters that are not tuned stand in `options`"
            if name == "train":
                remedy = "take it out; the folds that are tuned are those of the dataset's `train`"
            yield Problem(f"{key}.{name}", "is for networks, and a baseline has none", remedy)
