"""CSV files: one way to round, to leave empty, and to be infinite."""

from __future__ import annotations

import math

import pytest

from septum.io.tables import as_field, as_number, csv_text, read_csv


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (0, "0"),
        (12345678, "12345678"),
        ("a, b", "a, b"),
        ("", ""),
        (1.0, "1"),
        (-0.5, "-0.5"),
        (2 / 3, "0.666667"),
        (1e-7 / 3, "3.33333e-08"),
        (1234567.25, "1.23457e+06"),
        (1234567.0, "1234567"),
        (2.0**52, "4503599627370496"),
        (1e300, "1e+300"),
        (math.nan, ""),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
    ],
)
def test_how_values_are_written(value, field):
    assert as_field(value) == field


@pytest.mark.parametrize("value", [0.0, -0.5, 1234567.0, 0.125, math.inf, -math.inf])
def test_what_was_written_is_read(value):
    assert as_number(as_field(value)) == value


def test_an_empty_field_is_undefined():
    assert math.isnan(as_number(""))
    with pytest.raises(ValueError, match="could not convert"):
        as_number("many")


def test_a_table(tmp_path):
    rows = [{"case": 'a "b", c', "pq": 0.25, "other": 1}, {"case": "d\ne"}, {"case": "ä", "pq": 1}]
    text = csv_text(["case", "pq"], rows)
    assert text == 'case,pq\n"a ""b"", c",0.25\n"d\ne",\nä,1\n'
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    assert read_csv(path) == (
        ("case", "pq"),
        [{"case": 'a "b", c', "pq": "0.25"}, {"case": "d\ne", "pq": ""}, {"case": "ä", "pq": "1"}],
    )


def test_a_table_without_rows(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(csv_text(["case", "pq"], []))
    assert path.read_text() == "case,pq\n"
    assert read_csv(path) == (("case", "pq"), [])


@pytest.mark.parametrize("text", [b"a,b\n1\n", b"a,b\n1,2,3\n", b"a,b\n\xff,1\n"])
def test_what_is_no_table(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_bytes(text)
    with pytest.raises(ValueError, match=r"row 1 does not have 2 fields|utf-8"):
        read_csv(path)
