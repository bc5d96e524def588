"""Groups of cases, such as the slices of a patient, which lie in one part of a split."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from septum.errors import problem
from septum.workflow.patterns import compile_pattern


def find_groups(
    names: Sequence[str], group: str | None, table: Path | None, dataset: str
) -> dict[str, str]:
    """Return the group of each case.

    Parameters
    ----------
    names : sequence of str
        Names of the cases.
    group : str or None
        A pattern of case names with ``{group}`` in it (``"{group}_slice*"``), or a column of
        ``table``. If None, every case is a separate group.
    table : Path or None
        CSV file with a column ``case`` (or ``id``, ``name``).
    dataset : str
        Key of the dataset under ``datasets``, for messages.

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
        match_by_name = {name: regex.fullmatch(name) for name in names}
        without_group = [name for name, match in match_by_name.items() if match is None]
        if without_group:
            what = f"the pattern {group!r} does not fit the case {without_group[0]!r}"
            raise problem(
                key, f"{what} ({len(without_group)} in all)", "mend the pattern; * fits any text"
            )
        return {name: match.group("group") for name, match in match_by_name.items() if match}
    if table is None:
        what = f"{group!r} is no pattern with {{group}}, and there is no table"
        remedy = f"put {{group}} into it, or give datasets.{dataset}.table, a CSV with that column"
        raise problem(key, what, remedy)
    column = _column(table, group, key)
    without_group = [name for name in names if name not in column]
    if without_group:
        what = f"{table} has no row for the case {without_group[0]!r} ({len(without_group)} in all)"
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
