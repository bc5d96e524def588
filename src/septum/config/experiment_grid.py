"""Grids of experiments: an entry with lists stands for an experiment for each combination.

Entries are expanded before anything is validated, so that all other code is given plain
experiments.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from septum.errors import Problem, Problems

# the keys of an entry that may be lists, in the order in which their values appear in a name
GRID_KEYS = ("network", "method", "head", "seed")


@dataclass
class Grid:
    """The experiments that the entries of a configuration stand for.

    Attributes
    ----------
    experiments : dict
        Plain experiments by name, in the order of the entries; the last list changes fastest.
    keys : dict of str to str
        Maps the key of a generated experiment to the key that the user wrote.
    problems : Problems
        Problems of the lists.
    """

    experiments: dict[Any, Any] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    problems: Problems = field(default_factory=Problems)


class _Value(NamedTuple):
    """An element of a list: its part of the name, and the options that belong to it."""

    value: Any
    part: str
    options: Mapping[str, Any]


def expand(entries: Mapping[Any, Any]) -> Grid:
    """Return the experiments that the entries of ``experiments:`` stand for.

    If some of the `GRID_KEYS` of an entry are lists (``network`` may also be a mapping of names
    to options), there is an experiment for each combination of their elements. It is named
    ``<entry>-<network>-<head>-seed<n>`` or ``<entry>-<method>``, where keys without a list are
    left out, so that another element does not change the names of existing experiments. A
    combination is switched off by its name, ``<name>: null``. If ``start_from`` names an entry
    with lists, each combination starts from the combination with the same elements there.

    Parameters
    ----------
    entries : mapping
        The entries of the configuration, which may be malformed; not changed.

    Returns
    -------
    Grid
    """
    grid = Grid()
    parts: dict[str, dict[str, str]] = {}  # name of a combination -> key -> part of the name
    axes: dict[str, list[str]] = {}  # entry -> its keys that are lists
    switched_off = {entry for entry, spec in entries.items() if spec is None}
    for entry, spec in entries.items():
        lists = _lists_of(spec)
        if not lists:
            _add(grid, entry, entry, spec)
            continue
        key = f"experiments.{entry}"
        problems = [
            p for axis, elements in lists.items() for p in _faults(f"{key}.{axis}", elements)
        ]
        grid.problems.extend(problems)
        if problems:
            continue
        axes[str(entry)] = list(lists)
        for combination in itertools.product(*lists.values()):
            name = "-".join([str(entry), *(element.part for element in combination)])
            if name in switched_off:
                continue
            element_by_axis = dict(zip(lists, combination, strict=True))
            parts[name] = {axis: element.part for axis, element in element_by_axis.items()}
            _add(grid, entry, name, _combined(spec, element_by_axis))
            grid.keys[f"experiments.{name}"] = key
            for element in combination:
                for option in element.options:
                    written = f"{key}.network.{element.value}.{option}"
                    grid.keys[f"experiments.{name}.options.{option}"] = written
    for name, own_parts in parts.items():
        _start_from_alike(grid.experiments, name, own_parts, axes)
    return grid


def as_written(problem: Problem, keys: Mapping[str, str]) -> Problem:
    """Return a problem with the key that the user wrote in place of a generated one."""
    fitting = [key for key in keys if f"{problem.where}.".startswith(f"{key}.")]
    if not fitting:
        return problem
    longest = max(fitting, key=len)
    return replace(problem, where=keys[longest] + problem.where[len(longest) :])


def _lists_of(spec: Any) -> dict[str, list[_Value]]:
    """Return the elements of each key that is a list (or a mapping of networks)."""
    if not isinstance(spec, Mapping):
        return {}
    lists = {}
    for axis in GRID_KEYS:
        value_of_axis = spec.get(axis)
        if isinstance(value_of_axis, Mapping) and axis == "network":
            lists[axis] = [_Value(name, _part(axis, name), o) for name, o in value_of_axis.items()]
        elif isinstance(value_of_axis, Sequence) and not isinstance(value_of_axis, str):
            lists[axis] = [_Value(value, _part(axis, value), {}) for value in value_of_axis]
    return lists


def _part(axis: str, value: object) -> str:
    """Return the part of an experiment's (and so of a folder's) name that stands for a value."""
    text = re.sub(r"[^A-Za-z0-9._-]", "_", str(value))
    return f"seed{text}" if axis == "seed" else text


def _faults(key: str, elements: Sequence[_Value]) -> Iterator[Problem]:
    if not elements:
        yield Problem(key, "is empty", "name at least one, or leave the key out")
    earlier_parts: set[str] = set()
    for value, part, options in elements:
        if not isinstance(value, str | int) or isinstance(value, bool):
            yield Problem(key, f"holds {value!r}", "list names; of seeds, whole numbers")
        elif part in earlier_parts:
            yield Problem(key, f"holds {value!r} twice", "name each once")
        elif not isinstance(options, Mapping):
            what = f"is {options!r}, and no options of the network"
            yield Problem(f"{key}.{value}", what, "give keys with values, or {} for none")
        earlier_parts.add(part)


def _combined(spec: Mapping[str, Any], element_by_axis: Mapping[str, _Value]) -> dict[str, Any]:
    """Return the experiment of a combination; options of a network override the entry's."""
    experiment = {**spec, **{axis: element.value for axis, element in element_by_axis.items()}}
    network_options = {
        key: v for element in element_by_axis.values() for key, v in element.options.items()
    }
    if network_options:
        shared = spec.get("options", {})
        # anything but a mapping is left to the validation
        experiment["options"] = (
            {**shared, **network_options} if isinstance(shared, Mapping) else shared
        )
    return experiment


def _start_from_alike(
    experiments: dict[Any, Any], name: str, parts: Mapping[str, str], axes: Mapping[str, list[str]]
) -> None:
    """Replace an entry with lists in ``start_from`` by its combination with the same parts."""
    entry = experiments[name].get("start_from")
    if not isinstance(entry, str) or entry not in axes:
        return
    alike = "-".join([entry, *(parts[axis] for axis in axes[entry] if axis in parts)])
    if alike in experiments:
        experiments[name] = {**experiments[name], "start_from": alike}


def _add(grid: Grid, entry: Any, name: Any, spec: Any) -> None:
    if name in grid.experiments:
        what = f"gives an experiment named {name!r}, and so does another entry"
        grid.problems.add(f"experiments.{entry}", what, "rename one of the two")
    grid.experiments[name] = spec
