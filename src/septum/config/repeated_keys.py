"""A key that a YAML file has twice in one place: of two experiments of one name the first is lost.

YAML forbids it, and its readers take the last one without a word. Light imports only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from septum.errors import Problem


def repeated_keys(path: Path) -> Iterator[Problem]:
    """Yield a problem for each key that stands twice in one mapping of a file.

    Parameters
    ----------
    path : Path
        A file that is valid YAML.
    """
    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    if root is not None:
        yield from _of_node(root, path, ())


def _of_node(node: yaml.Node, path: Path, keys: tuple[str, ...]) -> Iterator[Problem]:
    if isinstance(node, yaml.SequenceNode):
        for number, element in enumerate(node.value):
            yield from _of_node(element, path, (*keys, str(number)))
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in lines:
            what = f"has {'.'.join([*keys, name])} twice, in lines {lines[name]} and {line}"
            yield Problem(str(path), what, "rename one of the two, or take it out")
        lines[name] = line
        yield from _of_node(value, path, (*keys, name))
