"""Reading and writing of CSV files, with one way to write numbers.

Numbers have six significant digits, but integers have all of theirs. An undefined value (NaN) is
an empty field, and infinity is ``inf``. Lines end in a newline character on every system.

Readers name the columns that they need, and report that another version wrote a file if some
are missing. In tables that people keep for years (``cases.csv``) each row also has the version
of the format, since a CSV file has no other place for it.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

Value = str | int | float

FORMAT_VERSION = 1
"""Version of the format of ``cases.csv``, 1 in files without it. It is increased when the meaning
of a column changes."""
VERSION_COLUMN = "format_version"

MAX_EXACT_INTEGER = 2.0**53
"""Up to this value, a float represents every integer."""


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Value]]) -> str:
    """Return a table as CSV.

    Parameters
    ----------
    columns : sequence of str
        Names of the columns, in the order in which they are written.
    rows : iterable of mappings
        Values by column. A column that a row lacks is undefined; other keys are ignored.

    Examples
    --------
    >>> rows = [{"case": "a", "iou": 2 / 3, "px": 1234567.0}, {"case": "b", "hd95": float("inf")}]
    >>> print(csv_text(["case", "iou", "px", "hd95"], rows), end="")
    case,iou,px,hd95
    a,0.666667,1234567,
    b,,,inf
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([as_field(row.get(column, math.nan)) for column in columns])
    return text.getvalue()


def as_field(value: Value) -> str:
    """Format a value for a field.

    Examples
    --------
    >>> [as_field(v) for v in (7, 7.0, 1 / 3, float("nan"), -float("inf"), "7.0")]
    ['7', '7', '0.333333', '', '-inf', '7.0']
    """
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return ""
    if value.is_integer() and abs(value) < MAX_EXACT_INTEGER:
        return f"{value:.0f}"
    return f"{value:.6g}"


def as_number(field: str) -> float:
    """Parse the number in a field; an empty field is NaN.

    Raises
    ------
    ValueError
        If the field is no number.
    """
    return float(field) if field else math.nan


def read_csv(path: Path) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """Read the columns and the rows of a CSV file.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not UTF-8, or if a row does not have as many fields as there are columns.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        try:
            columns, rows = tuple(reader.fieldnames or ()), list(reader)
        except csv.Error as error:
            raise ValueError(str(error)) from None
    for line, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            raise ValueError(f"row {line} does not have {len(columns)} fields")
    return columns, rows
