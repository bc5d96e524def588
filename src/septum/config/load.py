"""Reading and validation of configuration files, with all problems reported at once."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from septum.config.checks.configuration import cross_checks
from septum.config.config import Config
from septum.config.experiment_grid import as_written, expand
from septum.config.messages import problems_of
from septum.errors import Problem, Problems, problem


def load_config(*paths: str | Path, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read and validate configuration files; a later one overrides an earlier, key by key.

    Parameters
    ----------
    *paths : str or Path
        YAML files, merged as Snakemake merges ``--configfile``.
    overrides : mapping, optional
        Top-level keys that win over the files (Snakemake's ``--config``).

    Raises
    ------
    SeptumError
        With every problem found, each naming its key.

    Examples
    --------
    >>> from tempfile import NamedTemporaryFile
    >>> text = "datasets: {nuclei: {images: 'images/{case}.tif', labels: 'masks/{case}.tif'}}"
    >>> with NamedTemporaryFile("w", suffix=".yaml") as file:
    ...     _ = file.write(text)
    ...     file.flush()
    ...     config = load_config(file.name, overrides={"seed": 5})
    >>> config.seed, config.datasets["nuclei"].annotation
    (5, 'instance')
    """
    merged: dict[str, Any] = {}
    repeated = Problems()
    for path in map(Path, paths):
        try:
            raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            why = f"cannot be read ({error.strerror})"
            raise problem(path, why, "give the path of a configuration file") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise problem(path, f"is not valid YAML ({error})", "mend the file there") from None
        if not isinstance(raw, Mapping):
            raise problem(
                path, "is not a mapping of keys to values", "see config.yaml for the layout"
            )
        repeated.extend(repeated_keys(path))
        _update(merged, raw)
    repeated.raise_if_any()
    _update(merged, overrides or {})
    return validate(merged)


def _update(base: dict[str, Any], override: Mapping[str, Any]) -> None:
    for key, value in override.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            _update(base[key], value)
        else:
            base[key] = copy.deepcopy(value)


def validate(raw: object) -> Config:
    """Turn a plain mapping (parsed YAML, Snakemake's ``config``) into a `Config`.

    Raises
    ------
    SeptumError
        With every problem found, each naming its key.
    """
    if not isinstance(raw, Mapping):
        raise problem(
            "config", "is not a mapping of keys to values", "see config.yaml for the layout"
        )
    entries = raw.get("experiments")
    grid = expand(entries if isinstance(entries, Mapping) else {})
    if isinstance(entries, Mapping):
        raw = {**raw, "experiments": grid.experiments}
    problems = Problems(grid.problems)
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        problems.extend(problems_of(error, "", Config))
    else:
        config._written = grid.keys
        if not problems:
            problems.extend(cross_checks(config))
    # show a mistake in an entry once, not once for each combination
    Problems(as_written(entry, grid.keys) for entry in problems).raise_if_any()
    return config


def repeated_keys(path: Path) -> Iterator[Problem]:
    """Yield a problem for each key that occurs twice in one mapping of a file.

    YAML forbids repeated keys, but its parsers silently take the last one, so that of two
    experiments with one name the first would be lost.

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
