"""Files that the workflow hands to its stages."""

from __future__ import annotations

import os
from typing import Literal

import pytest

from septum.config.schema import Section
from septum.errors import SeptumError
from septum.workflow.handed_file import read_section_file, text_digest, write_if_changed


class Colours(Section):
    version: Literal[1] = 1
    names: list[str]


def test_a_file_is_read(tmp_path):
    path = tmp_path / "colours.json"
    path.write_text('{"names": ["grün"]}', encoding="utf-8")
    assert read_section_file(Colours, path) == Colours(names=["grün"])


@pytest.mark.parametrize(
    ("content", "where", "what"),
    [
        (b"{", "", "is not valid JSON"),
        (b"\xff", "", "cannot be read"),
        (b'{"version": 2, "names": []}', ".version", "cannot be 2"),
        (b'{"names": [1]}', ".names.0", "cannot be 1"),
        (b"{}", ".names", "is missing"),
        (None, "", "cannot be read"),
    ],
)
def test_a_bad_file_is_named(tmp_path, content, where, what):
    path = tmp_path / "colours.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SeptumError) as error:
        read_section_file(Colours, path)
    (found,) = error.value.problems
    assert found.where == f"{path}{where}"
    assert what in found.what
    assert "run snakemake without --no-hooks" in found.remedy


def test_an_unchanged_file_keeps_its_time(tmp_path):
    path = tmp_path / "new/a.json"
    write_if_changed(path, "ä")
    assert path.read_bytes() == b"\xc3\xa4"
    os.utime(path, ns=(1, 1))
    write_if_changed(path, "ä")
    assert path.stat().st_mtime_ns == 1
    write_if_changed(path, "b")
    assert path.read_text() == "b"


def test_a_digest_tells_texts_apart():
    # printf 'abc' | sha256sum
    assert text_digest("abc") == "ba7816bf8f01cfea"
    assert text_digest("abd") != text_digest("abc")
