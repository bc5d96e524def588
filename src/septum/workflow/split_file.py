"""Predefined splits, in a JSON or CSV file that assigns cases to the parts of a split.

The file is read whenever the Snakefile is parsed, since the number of folds depends on it.
"""

from __future__ import annotations

import csv
import difflib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from septum.config.schema import Split
from septum.errors import Problem, Problems, problem

JSON_KEYS = ("test", "val", "train", "folds")
NAME_COLUMNS = ("case", "id", "name")
SPLIT_PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class PredefinedSplit:
    """The contents of a split file.

    Parameters
    ----------
    path : str
        Path of the file, for messages.
    test : tuple of str
        Names of the test cases.
    train : tuple of str
        Names of the cases that are listed for training and belong to no fold.
    folds : tuple of tuple of str
        Names of the validation cases of each fold; empty if the file defines no folds.
    groups : dict of str to str
        Group of each case, from a CSV file with a column ``group``.
    is_for_one_dataset : bool
        Whether all cases belong to one dataset. A CSV file may list those of several.
    """

    path: str
    test: tuple[str, ...]
    train: tuple[str, ...]
    folds: tuple[tuple[str, ...], ...] = ()
    groups: dict[str, str] = field(default_factory=dict)
    is_for_one_dataset: bool = True

    def parts(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the name and the cases of each part; no case may be in two of them."""
        yield "test", self.test
        yield "train", self.train
        for index, fold in enumerate(self.folds):
            yield (f"fold {index}" if len(self.folds) > 1 else "val"), fold


def read_split_file(path: str | Path) -> PredefinedSplit:
    """Read a split from a file.

    The file is either a JSON object, at the top or under the key ``split``, with the keys
    ``test``, ``train`` and ``val`` (lists of case names) or ``test`` and ``folds`` (a list of
    lists), or a CSV file with a column ``case`` (or ``id``, ``name``), a column ``split``
    (train, val or test) and optionally a column ``group``, in which rows of other datasets are
    ignored. The list ``val`` is the validation set of the only fold, fold 0. Without ``val`` and
    ``folds`` the cases under ``train`` are divided into folds.

    Parameters
    ----------
    path : str or Path
        The file, ``.json`` or ``.csv``.

    Raises
    ------
    SeptumError
        With all problems: a file that cannot be read, unknown keys or parts, names that are
        listed twice, cases in two parts.
    """
    path = Path(path)
    readers = {".json": _from_json, ".csv": _from_csv}
    if path.suffix.lower() not in readers:
        raise problem(path, "is no split file", "give a .json or a .csv file (see docs)")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise problem(path, "does not exist", "check split.file (relative to data_root)") from None
    except (OSError, UnicodeDecodeError) as error:
        raise problem(path, f"cannot be read ({error})", "give a text file in UTF-8") from None
    split = readers[path.suffix.lower()](path, text)
    Problems(_listed_twice(split)).raise_if_any()
    return split


def split_by_name(patterns: Sequence[str], cases: Sequence[str], where: str) -> PredefinedSplit:
    """Return the split whose test set consists of named cases (``*`` matches any text).

    Parameters
    ----------
    patterns : sequence of str
        Names and patterns of the test cases (``split.test``).
    cases : sequence of str
        Names of all annotated cases.
    where : str
        The configuration key, for messages.

    Raises
    ------
    SeptumError
        If a pattern matches no case.
    """
    test = {name for name in cases for pattern in patterns if fnmatchcase(name, pattern)}
    unmatched = [p for p in patterns if not any(fnmatchcase(name, p) for name in cases)]
    if unmatched:
        raise problem(
            where, f"{unmatched[0]!r} fits no annotated case", "use names, or * for any text"
        )
    train = tuple(name for name in cases if name not in test)
    return PredefinedSplit(where, test=tuple(sorted(test)), train=train)


def fold_count(settings: Split, path: str | Path | None) -> int:
    """Return the number of folds of a dataset, from its split file or ``split.folds``."""
    folds = None if path is None else read_split_file(path).folds
    return len(folds) if folds else settings.folds


def _from_json(path: Path, text: str) -> PredefinedSplit:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise problem(path, f"is not valid JSON ({error})", "mend the file at that place") from None
    if isinstance(content, Mapping) and isinstance(content.get("split"), Mapping):
        content = content["split"]
    if not isinstance(content, Mapping) or not any(key in content for key in JSON_KEYS):
        raise problem(path, "has no split in it", "give lists under test, train and val, or folds")
    problems = Problems()
    for key in content:
        if key not in JSON_KEYS:
            close = difflib.get_close_matches(str(key), JSON_KEYS, n=1)
            remedy = f"did you mean {close[0]!r}?" if close else f"use {', '.join(JSON_KEYS)}"
            problems.add(path, f"{key!r} is not a known key", remedy)
    if "val" in content and "folds" in content:
        problems.add(path, "has both val and folds", "keep one of them")
    for key in ("test", "val", "train"):
        if not _is_names(content.get(key, [])):
            problems.add(path, f"{key} is no list of case names", "make it one")
    folds = content.get("folds", [content["val"]] if "val" in content else [])
    if not isinstance(folds, list) or not all(_is_names(fold) and fold for fold in folds):
        what = "val is empty" if "val" in content else "folds is no list of lists of case names"
        problems.add(path, what, "give each fold its validation cases")
    if len(folds) == 1 and "val" not in content:
        what = "folds holds a single fold"
        problems.add(path, what, "call it val, or give two folds or more")
    problems.raise_if_any()
    return PredefinedSplit(
        str(path),
        test=tuple(content.get("test", [])),
        train=tuple(content.get("train", [])),
        folds=tuple(tuple(fold) for fold in folds),
    )


def _from_csv(path: Path, text: str) -> PredefinedSplit:
    rows = list(csv.DictReader(text.splitlines()))
    header = list(rows[0]) if rows else []
    name = next((column for column in NAME_COLUMNS if column in header), None)
    if name is None or "split" not in header:
        what = f"needs the columns case (or id) and split; it has {header}"
        raise problem(path, what, "mend the first line; the separator is a comma")
    parts: dict[str, list[str]] = {part: [] for part in SPLIT_PARTS}
    problems = Problems()
    for number, row in enumerate(rows, start=2):
        if row["split"] in parts:
            parts[row["split"]].append(row[name])
        else:
            what = f"line {number}: split is {row['split']!r}"
            problems.add(path, what, f"use one of {', '.join(SPLIT_PARTS)}")
    problems.raise_if_any()
    return PredefinedSplit(
        str(path),
        test=tuple(parts["test"]),
        train=tuple(parts["train"]),
        folds=(tuple(parts["val"]),) if parts["val"] else (),
        groups={row[name]: row["group"] for row in rows if row.get("group")},
        is_for_one_dataset=False,
    )


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _listed_twice(split: PredefinedSplit) -> Iterator[Problem]:
    """Yield a problem for each case that is listed twice, in one part or in two."""
    parts_by_case: dict[str, list[str]] = {}
    for part, names in split.parts():
        for name, count in Counter(names).items():
            parts_by_case.setdefault(name, []).extend([part] * count)
    for name, parts in parts_by_case.items():
        if len(set(parts)) > 1:
            what = f"the case {name!r} is in {' and in '.join(dict.fromkeys(parts))}"
            yield Problem(split.path, what, "keep it in one of them")
        elif len(parts) > 1:
            what = f"the case {name!r} is listed {len(parts)} times under {parts[0]}"
            yield Problem(split.path, what, "list it once")
