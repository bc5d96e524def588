"""Groups of cases, such as the slices of a patient, which no split may part.

Standard library only: the plan reads them, and the check of a configuration.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from septum.errors import problem
from septum.workflow.patterns import compile_pattern


def find_groups(
    names: Sequence[str], group: str | None, table: Path | None, dataset: str
) -> dict[str, str]:
    """Return the group of each case; cases of a group never straddle a split.

    Parameters
    ----------
    names : sequence of str
        The cases.
    group : str or None
        A pattern of the case's name with ``{group}`` in it (``"{group}_slice*"``), or a column
        of ``table``. Without it every case is a group of its own.
    table : Path or None
        CSV with a column ``case`` (or ``id``, ``name``).
    dataset : str
        Its key under ``datasets``, for messages.

    Raises
    ------
    SeptumError
        If a case has no group.
    """
    if group is None:
        return {name: name for name in names}
    key = f"datasets.{dataset}.group"
    if "{group}" in group:
        regex = compile_pattern(group, "group")
        found = {name: regex.fullmatch(name) for name in names}
        lost = [name for name, match in found.items() if match is None]
        if lost:
            what = f"the pattern {group!r} does not fit the case {lost[0]!r}"
            raise problem(key, f"{what} ({len(lost)} in all)", "mend the pattern; * fits any text")
        return {name: match.group("group") for name, match in found.items() if match}
    if table is None:
        what = f"{group!r} is no pattern with {{group}}, and there is no table"
        remedy = f"put {{group}} into it, or give datasets.{dataset}.table, a CSV with that column"
        raise problem(key, what, remedy)
    column = _column(table, group, key)
    lost = [name for name in names if name not in column]
    if lost:
        what = f"{table} has no row for the case {lost[0]!r} ({len(lost)} in all)"
        raise problem(key, what, "add the rows, or exclude the cases")
    return {name: column[name] for name in names}


def _column(path: Path, column: str, key: str) -> dict[str, str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise problem(
            path, f"cannot be read ({error.strerror})", "check the path of `table:`"
        ) from None
    header = list(rows[0]) if rows else []
    case = next((name for name in ("case", "id", "name") if name in header), None)
    if case is None or column not in header:
        what = f"{path} needs the columns 'case' (or 'id') and {column!r}; it has {header}"
        raise problem(key, what, "mend the table's first line")
    return {row[case]: row[column] for row in rows}
