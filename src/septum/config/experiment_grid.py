"""Experiments as a cross product: an entry with lists stands for one experiment a combination.

Expanded here, before anything is validated, so that all else sees plain experiments. Imported
whenever the Snakefile is parsed, hence no heavy import here.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from septum.errors import Problem, Problems

# the keys of an entry that may be lists, in the order of the parts of a name
AXES = ("network", "method", "head", "seed")


@dataclass
class Grid:
    """The experiments that the entries of a configuration stand for.

    Attributes
    ----------
    experiments : dict
        Plain experiments by name, in the order of the entries; the last list changes fastest.
    keys : dict of str to str
        Key of an experiment that was made here -> the key that the user wrote in its place.
    problems : Problems
        What is wrong with the lists.
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

    Where `AXES` of an entry are lists (``network`` may be a mapping of names to options, too),
    there is one experiment a combination, named ``<entry>-<network>-<head>-seed<n>``, or
    ``<entry>-<method>``: only lists are named, so that an element more changes the names of no
    others. A combination is switched off by its name, ``<name>: null``. ``start_from`` may name an
    entry with lists: each combination starts from the one of the same parts there.

    Parameters
    ----------
    entries : mapping
        As the configuration has them; not changed, and not trusted to be well-formed.

    Returns
    -------
    Grid
    """
    grid = Grid()
    parts: dict[str, dict[str, str]] = {}  # of a combination's name, by axis
    axes: dict[str, list[str]] = {}  # of an entry with lists
    switched_off = {entry for entry, spec in entries.items() if spec is None}
    for entry, spec in entries.items():
        lists = _lists_of(spec)
        if not lists:
            _add(grid, entry, entry, spec)
            continue
        key = f"experiments.{entry}"
        problems = [p for axis, found in lists.items() for p in _faults(f"{key}.{axis}", found)]
        grid.problems.extend(problems)
        if problems:
            continue
        axes[str(entry)] = list(lists)
        for combination in itertools.product(*lists.values()):
            name = "-".join([str(entry), *(element.part for element in combination)])
            if name in switched_off:
                continue
            chosen = dict(zip(lists, combination, strict=True))
            parts[name] = {axis: element.part for axis, element in chosen.items()}
            _add(grid, entry, name, _combined(spec, chosen))
            grid.keys[f"experiments.{name}"] = key
            for element in combination:
                for option in element.options:
                    written = f"{key}.network.{element.value}.{option}"
                    grid.keys[f"experiments.{name}.options.{option}"] = written
    for name, own in parts.items():
        _start_from_alike(grid.experiments, name, own, axes)
    return grid


def as_written(problem: Problem, keys: Mapping[str, str]) -> Problem:
    """Return a problem at the key that the user wrote, for one at a key that was made here."""
    fitting = [key for key in keys if f"{problem.where}.".startswith(f"{key}.")]
    if not fitting:
        return problem
    longest = max(fitting, key=len)
    return replace(problem, where=keys[longest] + problem.where[len(longest) :])


def _lists_of(spec: Any) -> dict[str, list[_Value]]:
    """Return the elements of each axis of an entry that is a list (or a mapping of networks)."""
    if not isinstance(spec, Mapping):
        return {}
    lists = {}
    for axis in AXES:
        given = spec.get(axis)
        if isinstance(given, Mapping) and axis == "network":
            lists[axis] = [_Value(name, _part(axis, name), o) for name, o in given.items()]
        elif isinstance(given, Sequence) and not isinstance(given, str):
            lists[axis] = [_Value(value, _part(axis, value), {}) for value in given]
    return lists


def _part(axis: str, value: object) -> str:
    """Return what names a value in the name of an experiment, and so of a folder."""
    text = re.sub(r"[^A-Za-z0-9._-]", "_", str(value))
    return f"seed{text}" if axis == "seed" else text


def _faults(key: str, elements: Sequence[_Value]) -> Iterator[Problem]:
    if not elements:
        yield Problem(key, "is empty", "name at least one, or leave the key out")
    seen: set[str] = set()
    for value, part, options in elements:
        if not isinstance(value, str | int) or isinstance(value, bool):
            yield Problem(key, f"holds {value!r}", "list names; of seeds, whole numbers")
        elif part in seen:
            yield Problem(key, f"holds {value!r} twice", "name each once")
        elif not isinstance(options, Mapping):
            what = f"is {options!r}, and no options of the network"
            yield Problem(f"{key}.{value}", what, "give keys with values, or {} for none")
        seen.add(part)


def _combined(spec: Mapping[str, Any], chosen: Mapping[str, _Value]) -> dict[str, Any]:
    """Return the experiment of a combination; options of a network win over the entry's."""
    plain = {**spec, **{axis: element.value for axis, element in chosen.items()}}
    own = {key: v for element in chosen.values() for key, v in element.options.items()}
    if own:
        shared = spec.get("options", {})
        # what is no mapping is left for the validation to complain about
        plain["options"] = {**shared, **own} if isinstance(shared, Mapping) else shared
    return plain


def _start_from_alike(
    experiments: dict[Any, Any], name: str, parts: Mapping[str, str], axes: Mapping[str, list[str]]
) -> None:
    """Name the combination of the same parts where one starts from an entry with lists."""
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
