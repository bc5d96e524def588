"""Splits that a lab brings along: a JSON or CSV file that says which case is for what.

Read whenever the Snakefile is parsed (it decides how many folds there are), so: standard
library and the configuration only.
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
PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class GivenSplit:
    """What a split file says.

    Parameters
    ----------
    path : str
        The file, for messages.
    test, train : tuple of str
        Case names; ``train`` holds those that are listed for training and are in no fold.
    folds : tuple of tuple of str
        The validation cases of each fold; empty where the file leaves the folds to us.
    groups : dict of str to str
        Case name to group, of a CSV file with a column ``group``.
    whole : bool
        Whether the file speaks of this dataset only. A CSV table may describe more.
    """

    path: str
    test: tuple[str, ...]
    train: tuple[str, ...]
    folds: tuple[tuple[str, ...], ...] = ()
    groups: dict[str, str] = field(default_factory=dict)
    whole: bool = True

    def parts(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the name and the cases of each part that excludes the others."""
        yield "test", self.test
        yield "train", self.train
        for index, fold in enumerate(self.folds):
            yield (f"fold {index}" if len(self.folds) > 1 else "val"), fold


def read_split_file(path: str | Path) -> GivenSplit:
    """Read a split from a file.

    Two layouts are known. A JSON object with the keys ``test``, ``train`` and ``val`` (lists
    of case names) or ``test`` and ``folds`` (a list of lists), at the top or under the key
    ``split``. A CSV file with a column ``case`` (or ``id``, ``name``), a column ``split``
    (train, val or test) and, if wanted, a column ``group``; rows of other datasets do no harm.
    With ``val`` that list is the validation set of the only fold, fold 0. Without ``val`` and
    ``folds`` the cases under ``train`` are dealt out to folds.

    Parameters
    ----------
    path : str or Path
        The file, ``.json`` or ``.csv``.

    Raises
    ------
    SeptumError
        With every problem: a file that cannot be read, an unknown key or part, a name listed
        twice, a case in two parts.
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
    given = readers[path.suffix.lower()](path, text)
    Problems(_listed_twice(given)).raise_if_any()
    return given


def split_by_name(patterns: Sequence[str], cases: Sequence[str], where: str) -> GivenSplit:
    """Return the split whose test set is given by names of cases (``*`` fits any text).

    Parameters
    ----------
    patterns : sequence of str
        What ``split.test`` lists.
    cases : sequence of str
        All annotated cases.
    where : str
        The configuration key, for messages.

    Raises
    ------
    SeptumError
        If a pattern fits no case.
    """
    test = {name for name in cases for pattern in patterns if fnmatchcase(name, pattern)}
    idle = [p for p in patterns if not any(fnmatchcase(name, p) for name in cases)]
    if idle:
        raise problem(where, f"{idle[0]!r} fits no annotated case", "use names, or * for any text")
    train = tuple(name for name in cases if name not in test)
    return GivenSplit(where, test=tuple(sorted(test)), train=train)


def fold_count(settings: Split, path: str | Path | None) -> int:
    """Return how many folds a dataset has: those of its split file, or ``split.folds``."""
    given = None if path is None else read_split_file(path).folds
    return len(given) if given else settings.folds


def _from_json(path: Path, text: str) -> GivenSplit:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise problem(path, f"is not valid JSON ({error})", "mend the file at that place") from None
    if isinstance(found, Mapping) and isinstance(found.get("split"), Mapping):
        found = found["split"]
    if not isinstance(found, Mapping) or not any(key in found for key in JSON_KEYS):
        raise problem(path, "has no split in it", "give lists under test, train and val, or folds")
    problems = Problems()
    for key in found:
        if key not in JSON_KEYS:
            close = difflib.get_close_matches(str(key), JSON_KEYS, n=1)
            remedy = f"did you mean {close[0]!r}?" if close else f"use {', '.join(JSON_KEYS)}"
            problems.add(path, f"{key!r} is not a known key", remedy)
    if "val" in found and "folds" in found:
        problems.add(path, "has both val and folds", "keep one of them")
    for key in ("test", "val", "train"):
        if not _is_names(found.get(key, [])):
            problems.add(path, f"{key} is no list of case names", "make it one")
    folds = found.get("folds", [found["val"]] if "val" in found else [])
    if not isinstance(folds, list) or not all(_is_names(fold) and fold for fold in folds):
        what = "val is empty" if "val" in found else "folds is no list of lists of case names"
        problems.add(path, what, "give each fold its validation cases")
    if len(folds) == 1 and "val" not in found:
        what = "folds holds a single fold"
        problems.add(path, what, "call it val, or give two folds or more")
    problems.raise_if_any()
    return GivenSplit(
        str(path),
        test=tuple(found.get("test", [])),
        train=tuple(found.get("train", [])),
        folds=tuple(tuple(fold) for fold in folds),
    )


def _from_csv(path: Path, text: str) -> GivenSplit:
    rows = list(csv.DictReader(text.splitlines()))
    header = list(rows[0]) if rows else []
    name = next((column for column in NAME_COLUMNS if column in header), None)
    if name is None or "split" not in header:
        what = f"needs the columns case (or id) and split; it has {header}"
        raise problem(path, what, "mend the first line; the separator is a comma")
    parts: dict[str, list[str]] = {part: [] for part in PARTS}
    problems = Problems()
    for number, row in enumerate(rows, start=2):
        if row["split"] in parts:
            parts[row["split"]].append(row[name])
        else:
            what = f"line {number}: split is {row['split']!r}"
            problems.add(path, what, f"use one of {', '.join(PARTS)}")
    problems.raise_if_any()
    return GivenSplit(
        str(path),
        test=tuple(parts["test"]),
        train=tuple(parts["train"]),
        folds=(tuple(parts["val"]),) if parts["val"] else (),
        groups={row[name]: row["group"] for row in rows if row.get("group")},
        whole=False,
    )


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _listed_twice(given: GivenSplit) -> Iterator[Problem]:
    """Yield a problem for each case that is listed twice, in one part or in two."""
    places: dict[str, list[str]] = {}
    for part, names in given.parts():
        for name, count in Counter(names).items():
            places.setdefault(name, []).extend([part] * count)
    for name, found in places.items():
        if len(set(found)) > 1:
            what = f"the case {name!r} is in {' and in '.join(dict.fromkeys(found))}"
            yield Problem(given.path, what, "keep it in one of them")
        elif len(found) > 1:
            what = f"the case {name!r} is listed {len(found)} times under {found[0]}"
            yield Problem(given.path, what, "list it once")
