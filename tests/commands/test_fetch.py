"""`septum fetch`."""

from __future__ import annotations

from septum import cli


def test_without_a_name_it_lists_what_there_is(capsys):
    assert cli.main(["fetch"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in lines]
    assert names == ["bbbc038", "dsb2018", "dic_hela", "phc_u373", "hippocampus"]
    assert all(line.endswith("]") for line in lines)  # the licence


def test_a_mistyped_name(tmp_path, capsys):
    assert cli.main(["fetch", "dic_hella", "--out", str(tmp_path / "data")]) == 1
    assert "did you mean 'dic_hela'?" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
